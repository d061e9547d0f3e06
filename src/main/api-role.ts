// Composes the API of `sallyport serve`: the store of objects, the server before it, and the kubeconfig that leads there.
import { hostname } from 'node:os'
import { join } from 'node:path'
import { administratorOnly, openServerFiles, Reaper, startApiServer, writeBeginnings, writeKubeconfig } from '../apiserver/index.ts'
import { messageOf } from '../base/index.ts'
import type { ApiOptions } from '../cli/index.ts'
import { type ObjectStore, openLevelStore } from '../store/index.ts'
import { Consequences } from './consequences.ts'
import { declaredObjects } from './declared-objects.ts'
import { usualStateDirectory } from './state-directory.ts'

export interface ApiRole {
  readonly store: ObjectStore
  readonly address: string
  readonly kubeconfig: string
  close(): Promise<void>
}

/** Rejects when the directory cannot be used, or the address cannot be bound. */
export async function startApi(options: ApiOptions): Promise<ApiRole> {
  const directory = options.data ?? join(usualStateDirectory(), 'serve')
  const store = await openLevelStore(join(directory, 'objects'))
  try {
    await writeBeginnings(store, Date.now)
    await new Reaper(store).resume()
    const { host, port } = options.listen
    const names = Array.from(new Set(['localhost', hostname(), '127.0.0.1', '::1', ...(isAnyAddress(host) ? [] : [host])]))
    const files = await openServerFiles(join(directory, 'pki'), names)
    const consequences = new Consequences(declaredObjects(store))
    const server = await startApiServer({
      store,
      host,
      port,
      certificate: files.certificate,
      key: files.key,
      authenticate: administratorOnly(files.adminToken),
      consequences: (object) => consequences.of(object),
      report: (error) => process.stderr.write(`sallyport serve: ${messageOf(error)}\n`),
    })
    const kubeconfig = options.kubeconfigOut ?? join(directory, 'kubeconfig')
    const reachable = isAnyAddress(host) ? server.address.replace(/^.*(?=:\d+$)/, '127.0.0.1') : server.address
    writeKubeconfig(kubeconfig, { server: `https://${reachable}`, authority: files.authority, token: files.adminToken })
    return {
      store,
      address: server.address,
      kubeconfig,
      async close() {
        await server.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
