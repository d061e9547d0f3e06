// Stands stock Envoy up on the simulation's ground, and plays calls against what it is given.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { bytesOf, familyOf, parseAddress, parseIp } from '../../src/base/index.ts'
import { openFeed, startEngine } from '../../src/envoy/index.ts'
import type { FlowRecord } from '../../src/flow/index.ts'
import { neverReached } from '../../src/runtime/index.ts'
import { flowClosed } from '../../src/telemetry/index.ts'
import { create, type Snapshot } from '../../src/xds/index.ts'
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import { AddressSchema } from '../../src/xds/gen/envoy/config/core/v3/address_pb.js'
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.js'
import { type LbEndpoint, LbEndpointSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.js'
import { ListenerFilterSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { type Listener, ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.js'
import { findEnvoy } from './envoy.ts'
import type { Ground } from './ground.ts'
import { type Names, silenceMs, type Stand, standsIn, wordsOf } from './stand.ts'

const recordMs = 1500
/** The PROXY protocol's own words for the one who calls. */
const caller = { 4: '198.18.0.11', 6: '[2001:db8::11]' } as const

/** Stands in the ground's node for engines; calls come to it as they do where it may not listen inside the seal. */
export async function openEnvoyStand(role: 'sidecar' | 'gateway', ground: Ground): Promise<Stand> {
  const folder = mkdtempSync(join(standsIn, 'sallyport-stand-'))
  const notes: string[] = []
  const feed = await openFeed(join(folder, 'xds.sock'))
  const engine = startEngine({
    role,
    binary: { path: entering(ground, folder), version: '1.40.0' },
    folder,
    node: {
      id: `${role === 'sidecar' ? 'sidecar' : 'router'}~127.0.0.1~client.default~default.svc.cluster.local`,
      cluster: 'client.default',
    },
    resolver: { ip: '127.0.0.1', port: 9 },
    feed,
    neverReached: neverReached(),
    source: { namespace: 'default', workload: 'client', labels: {} },
    placed: (ref) => ref,
    nameOf: () => undefined,
    serves: () => true,
    onNote: (text) => notes.push(text),
    ...(role === 'sidecar' && { capture: { relay: join(folder, 'relay.sock') } }),
  })
  const waiting = new Map<string, (record: FlowRecord) => void>()
  const stop = flowClosed.subscribe(({ record }) => (record.role === role ? waiting.get(record.source.address)?.(record) : undefined))
  const talks = new Set<Promise<string>>()
  let port = 20_000
  return {
    notes,
    answered: async () => void (await Promise.all(talks)),
    put: ({ snapshot, names = {} }) => engine.put(standing(role, snapshot, { folder, names })),
    async call(call) {
      const began = performance.now()
      const source = `${caller[call.to.startsWith('[') ? 6 : 4]}:${port++}`
      const recorded = new Promise<FlowRecord | undefined>((resolve) => {
        waiting.set(source, resolve)
        setTimeout(() => resolve(undefined), recordMs).unref()
      })
      const path = join(folder, call.listener === undefined ? 'relay.sock' : `${call.listener}.sock`)
      const [header, words] = [proxyHeader(source, call.to), wordsOf(call)]
      const pieces =
        call.inPieces === true ? [header, ...Array.from(words, (byte) => Buffer.from([byte]))] : [Buffer.concat([header, words])]
      const talking = talk(path, pieces, recorded)
      talks.add(talking)
      const answer = await talking
      talks.delete(talking)
      const record = await recorded
      waiting.delete(source)
      return { record, answer, reached: () => (record?.upstreamLocal === undefined ? [] : ground.reachedFrom(record.upstreamLocal, began)) }
    },
    async close() {
      stop()
      await engine.close()
      await feed.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A program that starts Envoy in the node, as a process that signals reach. */
function entering({ engines }: Ground, folder: string): string {
  const path = join(folder, 'envoy.sh')
  const enter = engines.enter.filter((part) => part !== '--pid')
  writeFileSync(path, `#!/bin/sh\nexec ${enter.join(' ')} ${findEnvoy()?.path ?? 'envoy'} "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

function talk(path: string, pieces: readonly Buffer[], recorded: Promise<unknown>): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const writeFrom = (at: number): void => {
      const piece = pieces[at]
      if (piece !== undefined) socket.write(piece, (error) => (error ? undefined : writeFrom(at + 1)))
    }
    const socket = connect(path, () => writeFrom(0))
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      // An answer has come: one request is all that is asked.
      setTimeout(() => socket.end(), 5)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
    const silence = setTimeout(() => socket.end(), silenceMs)
    void recorded.then(() => {
      clearTimeout(silence)
      socket.destroy()
    })
  })
}

function proxyHeader(source: string, destination: string): Buffer {
  const [from, to] = [parseAddress(source), parseAddress(destination)]
  if (from === undefined || to === undefined) throw new Error(`no address: ${destination}`)
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(from.port, 0)
  ports.writeUInt16BE(to.port, 2)
  const body = Buffer.concat([bytesOf(from.ip), bytesOf(to.ip), ports])
  const family = familyOf(to.ip) === 4 ? 0x11 : 0x21
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), Buffer.from([0x21, family, 0, body.length]), body])
}

interface Standing {
  readonly folder: string
  readonly names: Names
}

/** Names are resolved beforehand, and a gateway's ports are sockets. */
function standing(role: 'sidecar' | 'gateway', snapshot: Snapshot, { folder, names }: Standing): Snapshot {
  const clusters = new Map(Array.from(snapshot.clusters, ([name, cluster]) => [name, resolved(cluster, names)]))
  if (role === 'sidecar') return { ...snapshot, clusters }
  const listeners = new Map(Array.from(snapshot.listeners, ([name, listener]) => [name, onSocket(listener, folder)]))
  return { ...snapshot, clusters, listeners }
}

function onSocket(listener: Listener, folder: string): Listener {
  const address = create(AddressSchema, { address: { case: 'pipe', value: { path: join(folder, `${listener.name}.sock`) } } })
  const name = 'envoy.filters.listener.proxy_protocol'
  const value = {
    typeUrl: 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
    value: new Uint8Array(),
  }
  const header = create(ListenerFilterSchema, {
    name,
    configType: { case: 'typedConfig', value: { $typeName: 'google.protobuf.Any', ...value } },
  })
  const others = listener.listenerFilters.filter((filter) => filter.name !== name)
  return create(ListenerSchema, { ...(listener as object), address, listenerFilters: [header, ...others] })
}

function resolved(cluster: Cluster, names: Names): Cluster {
  const { STRICT_DNS, LOGICAL_DNS, STATIC } = Cluster_DiscoveryType
  const { clusterDiscoveryType: type, loadAssignment } = cluster
  if (type.case !== 'type' || (type.value !== STRICT_DNS && type.value !== LOGICAL_DNS) || !loadAssignment) return cluster
  const endpoints = loadAssignment.endpoints.flatMap(({ lbEndpoints }) => lbEndpoints.flatMap((one) => resolvedEndpoint(one, names)))
  return create(ClusterSchema, {
    ...(cluster as object),
    clusterDiscoveryType: { case: 'type', value: STATIC },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    dnsRefreshRate: undefined,
    dnsFailureRefreshRate: undefined,
    respectDnsTtl: false,
    loadAssignment: create(ClusterLoadAssignmentSchema, { clusterName: cluster.name, endpoints: [{ lbEndpoints: endpoints }] }),
  })
}

function resolvedEndpoint(one: LbEndpoint, names: Names): LbEndpoint[] {
  const address = one.hostIdentifier.case === 'endpoint' ? one.hostIdentifier.value.address?.address : undefined
  if (address?.case !== 'socketAddress') return [one]
  const { address: name, portSpecifier } = address.value
  const ips = parseIp(name) === undefined ? (names[name] ?? []) : [name]
  return ips.map((ip) =>
    create(LbEndpointSchema, {
      hostIdentifier: {
        case: 'endpoint',
        value: { address: create(AddressSchema, { address: { case: 'socketAddress', value: { address: ip, portSpecifier } } }) },
      },
    }),
  )
}
