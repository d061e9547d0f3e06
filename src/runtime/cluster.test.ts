// Tests every kind of cluster: which addresses are dialled, and that what is not carried out is never dialled at all.
import { create } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { type Ip, parseIp } from '../base/index.ts'
import { RawBufferSchema } from '../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js'
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js'
import { compile, type Runtime } from './index.ts'
import { type Call, play, tell } from './play.test-kit.ts'
import {
  customCluster,
  dnsCluster,
  edsCluster,
  endpointsOf,
  listener,
  logicalDnsCluster,
  originalDstCluster,
  refTo,
  type SnapshotParts,
  snapshotOf,
  staticCluster,
  tcpChain,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

function runtimeOf(parts: SnapshotParts, own: readonly string[] = []): Runtime {
  const addresses = own.flatMap((text): Ip[] => [parseIp(text) ?? ('' as Ip)])
  return compile(snapshotOf(parts), { addresses }).runtime
}

/** A sidecar with one chain that takes everything on port 9000, and the clusters given. */
function sidecar(parts: SnapshotParts, chainTo: Parameters<typeof tcpChain>[0], own?: readonly string[]): Runtime {
  const taking = listener('0.0.0.0_9000', ['0.0.0.0:9000'], { chains: [tcpChain(chainTo, { said: refTo('ServiceEntry/a/it') })] })
  return runtimeOf({ ...parts, listeners: [virtualOutbound(), taking, ...(parts.listeners ?? [])] }, own)
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const http3 = create(HttpProtocolOptionsSchema, {
  upstreamProtocolOptions: { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'http3ProtocolOptions', value: {} } } },
})

const here: Call = { to: '192.0.2.1:9000' }

describe('clusters', () => {
  const cases: Record<string, { clusters: SnapshotParts; to: Parameters<typeof tcpChain>[0]; call?: Partial<Call>; becomes: string }> = {
    'endpoints in their declared order': {
      clusters: { clusters: [edsCluster('c')], endpoints: [endpointsOf('c', ['10.0.0.2:1', '127.0.0.1:2'])] },
      to: 'c',
      becomes: 'forward c -> 10.0.0.2:1 127.0.0.1:2',
    },
    'a socket on this machine': {
      clusters: { clusters: [edsCluster('c')], endpoints: [endpointsOf('c', ['/run/gateway/80.sock'])] },
      to: 'c',
      becomes: 'forward c -> /run/gateway/80.sock',
    },
    'endpoints inside a static cluster': {
      clusters: { clusters: [staticCluster('c', ['203.0.113.1:1'])] },
      to: 'c',
      becomes: 'forward c -> 203.0.113.1:1',
    },
    'no endpoint': {
      clusters: { clusters: [edsCluster('c')], endpoints: [endpointsOf('c', [])] },
      to: 'c',
      becomes: 'deny no-endpoints 0 UH',
    },
    'no endpoints resource': { clusters: { clusters: [edsCluster('c')] }, to: 'c', becomes: 'deny no-endpoints 0 UH' },
    'a name, all of its addresses': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'])] },
      to: 'c',
      call: { resolver: { 'a.test': ['203.0.113.1', '2001:db8::1'] } },
      becomes: 'forward c -> 203.0.113.1:7 [2001:db8::1]:7',
    },
    'several names and an address': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7', '127.0.0.1:8', 'b.test:9'])] },
      to: 'c',
      call: { resolver: { 'a.test': ['203.0.113.1'], 'b.test': ['203.0.113.2'] } },
      becomes: 'forward c -> 203.0.113.1:7 127.0.0.1:8 203.0.113.2:9',
    },
    'a name that fails leaves the others': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7', 'b.test:9'])] },
      to: 'c',
      call: { resolver: { 'a.test': 'SERVFAIL', 'b.test': ['203.0.113.2'] } },
      becomes: 'forward c -> 203.0.113.2:9',
    },
    'logical DNS: the first endpoint only': {
      clusters: { clusters: [logicalDnsCluster('c', ['a.test:7', 'b.test:9'])] },
      to: 'c',
      call: { resolver: { 'a.test': ['203.0.113.1'] } },
      becomes: 'forward c -> 203.0.113.1:7',
    },
    'a name that cannot be resolved': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'])] },
      to: 'c',
      call: { resolver: { 'a.test': 'SERVFAIL' } },
      becomes: 'deny name-unresolved 0 UH',
    },
    'a name without addresses': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'])] },
      to: 'c',
      call: { resolver: { 'a.test': [] } },
      becomes: 'deny name-unresolved 0 UH',
    },
    'a name that leads to this machine': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'])] },
      to: 'c',
      call: { resolver: { 'a.test': ['127.0.0.1', '::ffff:169.254.169.254', '198.51.100.7'] } },
      becomes: 'deny private-address 0 UH',
    },
    'a name that leads there too': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'])] },
      to: 'c',
      call: { resolver: { 'a.test': ['127.0.0.1', '203.0.113.1', '10.0.0.1'] } },
      becomes: 'forward c -> 203.0.113.1:7 10.0.0.1:7',
    },
    'one family only': {
      clusters: { clusters: [dnsCluster('c', ['a.test:7'], { dnsLookupFamily: 1 })] },
      to: 'c',
      call: { resolver: { 'a.test': ['2001:db8::1', '203.0.113.1'] } },
      becomes: 'forward c -> 203.0.113.1:7',
    },
    'the dialled address': { clusters: { clusters: [originalDstCluster('c')] }, to: 'c', becomes: 'forward c -> 192.0.2.1:9000' },
    'the dialled address at another port': {
      clusters: { clusters: [originalDstCluster('c', { lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: 99 } } })] },
      to: 'c',
      becomes: 'forward c -> 192.0.2.1:99',
    },
    'an address of our own making is dialled by its name': {
      clusters: { clusters: [originalDstCluster('c')] },
      to: 'c',
      call: { to: '240.240.0.9:9000', virtualName: 'A.test', resolver: { 'a.test': ['10.0.0.1'] } },
      becomes: 'forward c -> 10.0.0.1:9000',
    },
    'a cluster that does not exist': { clusters: {}, to: 'c', becomes: 'deny no-cluster 0 NC' },
    'weights: the first half': {
      clusters: { clusters: [staticCluster('a', ['203.0.113.1:1']), staticCluster('b', ['203.0.113.2:1'])] },
      to: { a: 50, zero: 0, b: 50 },
      call: { random: 0.49 },
      becomes: 'forward a -> 203.0.113.1:1',
    },
    'weights: the second half': {
      clusters: { clusters: [staticCluster('a', ['203.0.113.1:1']), staticCluster('b', ['203.0.113.2:1'])] },
      to: { a: 50, zero: 0, b: 50 },
      call: { random: 0.5 },
      becomes: 'forward b -> 203.0.113.2:1',
    },
    'weights of nothing': { clusters: {}, to: { a: 0 }, becomes: 'deny not-supported 0 -' },
  }

  test.each(Object.entries(cases))('%s', (_name, { clusters, to, call, becomes }) => {
    expect(tell(play(sidecar(clusters, to, ['198.51.100.7']), { ...here, ...call }))).toBe(becomes)
  })
})

describe('what never widens', () => {
  const clusters: Record<string, SnapshotParts['clusters']> = {
    'TLS to the origin': [staticCluster('c', ['203.0.113.1:1'], { transportSocket: { name: 'envoy.transport_sockets.tls' } })],
    'a transport by endpoint metadata': [staticCluster('c', ['203.0.113.1:1'], { transportSocketMatches: [{ name: 'x' }] })],
    subsets: [staticCluster('c', ['203.0.113.1:1'], { lbSubsetConfig: {} })],
    'upstream filters': [staticCluster('c', ['203.0.113.1:1'], { filters: [{ name: 'x' }] })],
    'HTTP/3 to the origin': [
      staticCluster('c', ['203.0.113.1:1'], {
        typedExtensionProtocolOptions: { [httpOptions]: anyPack(HttpProtocolOptionsSchema, http3) },
      }),
    ],
    'a destination from a header': [originalDstCluster('c', { lbConfig: { case: 'originalDstLbConfig', value: { useHttpHeader: true } } })],
    'an unknown discovery type': [
      Object.assign(staticCluster('c', ['203.0.113.1:1']), { clusterDiscoveryType: { case: 'type', value: 77 } }),
    ],
  }

  test.each(Object.entries(clusters))('a cluster with %s', (_name, some = []) => {
    expect(tell(play(sidecar({ clusters: some }, 'c'), here))).toBe('deny not-supported 0 -')
  })

  test('an own custom type of cluster', () => {
    const cluster = customCluster('c', 'envoy.clusters.aggregate')
    expect(tell(play(sidecar({ clusters: [cluster] }, 'c'), here))).toBe('deny not-supported 0 -')
  })

  test('plain bytes are plain bytes', () => {
    const raw = { name: 'raw', configType: { case: 'typedConfig', value: anyPack(RawBufferSchema, create(RawBufferSchema)) } } as const
    expect(tell(play(sidecar({ clusters: [staticCluster('c', ['203.0.113.1:1'], { transportSocket: raw })] }, 'c'), here))).toBe(
      'forward c -> 203.0.113.1:1',
    )
  })
})
