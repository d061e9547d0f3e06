// Composes the API of `sallyport serve`: the store of objects, the server before it, and the kubeconfig that leads there.
import { join } from 'node:path'
import { hostname, networkInterfaces } from 'node:os'
import {
  type Authenticate,
  authenticator,
  openServerFiles,
  Reaper,
  type SecretReaders,
  secretReaders,
  ServiceAccountTokens,
  startApiServer,
  StatusKeeper,
  type StatusKeeperParts,
  writeBeginnings,
  writeKubeconfig,
  type XdsDoor,
} from '../apiserver/index.ts'
import { messageOf } from '../base/index.ts'
import type { ApiOptions } from '../cli/index.ts'
import { type ObjectStore, openLevelStore } from '../store/index.ts'
import { Consequences } from './consequences.ts'
import { declaredObjects } from './declared-objects.ts'
import { KeptLogs } from './kept-logs.ts'
import { machineFacts, nodeAdmission, PodRunner } from './pod-runner.ts'
import { servedDirectory } from './state-directory.ts'

export interface ApiRole {
  readonly store: ObjectStore
  readonly address: string
  readonly kubeconfig: string
  readonly authenticate: Authenticate
  readonly secretReaders: SecretReaders
  /** Begins to write back what becomes of objects. */
  keepStatus(statusNow: StatusKeeperParts['statusNow']): Pick<StatusKeeper, 'notice'>
  /** Where it is asked for: once there is a configuration for them. */
  runPods(): void
  close(): Promise<void>
}

/** What is served beside the API, by the same process. */
export interface Beside {
  readonly xds: XdsDoor
  readonly isReady: () => boolean
}

/** Rejects when the directory cannot be used, or the address cannot be bound. */
export async function startApi(options: ApiOptions, { xds, isReady }: Beside): Promise<ApiRole> {
  const directory = options.data ?? servedDirectory()
  const store = await openLevelStore(join(directory, 'objects'))
  try {
    await writeBeginnings(store, Date.now)
    await new Reaper(store).resume()
    const { host, port } = options.listen
    const names = Array.from(new Set(['localhost', hostname(), xds.serverName, '127.0.0.1', '::1', ...addressesOf(host)]))
    const files = await openServerFiles(join(directory, 'pki'), names)
    const tokens = new ServiceAccountTokens(files.tokenKey, store, Date.now)
    const authenticate = authenticator({ adminToken: files.adminToken, tokens, store, now: Date.now })
    const unseen = [directory, ...(options.kubeconfigOut === undefined ? [] : [options.kubeconfigOut])]
    const machine = options.node === undefined ? undefined : machineFacts(options.images, unseen)
    const logs = new KeptLogs(directory)
    const consequences = new Consequences(declaredObjects(store))
    const server = await startApiServer({
      store,
      host,
      port,
      certificate: files.certificate,
      key: files.key,
      tokens,
      clientAuthority: files.clientAuthority,
      certificateMs: options.certificateMs,
      authenticate,
      xds,
      isReady,
      ...(machine === undefined || options.node === undefined ? {} : { nodePods: nodeAdmission(options.node, machine, logs) }),
      consequences: (object) => consequences.of(object),
      report,
    })
    const kubeconfig = options.kubeconfigOut ?? join(directory, 'kubeconfig')
    const reachable = isAnyAddress(host) ? server.address.replace(/^.*(?=:\d+$)/, '127.0.0.1') : server.address
    writeKubeconfig(kubeconfig, { server: `https://${reachable}`, authority: files.authority, token: files.adminToken })
    const live: { runner?: PodRunner; status?: StatusKeeper } = {}
    return {
      store,
      address: server.address,
      kubeconfig,
      authenticate,
      secretReaders: secretReaders(store),
      keepStatus(statusNow) {
        live.status = new StatusKeeper({ store, now: Date.now, statusNow, report })
        return live.status
      },
      runPods() {
        if (machine === undefined || options.node === undefined) return
        live.runner = new PodRunner(
          store,
          { node: options.node, address: reachable.replace(/:\d+$/, ''), directory, kubeconfig, logs, report },
          machine,
        )
      },
      async close() {
        live.status?.close()
        await live.runner?.close()
        await server.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

function report(error: unknown): void {
  process.stderr.write(`sallyport serve: ${messageOf(error)}\n`)
}

/** By which others may know this server. */
function addressesOf(host: string): readonly string[] {
  if (!isAnyAddress(host)) return [host]
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.flatMap(({ address, scopeid }) => (scopeid === undefined || scopeid === 0 ? [address] : []))
}

function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
