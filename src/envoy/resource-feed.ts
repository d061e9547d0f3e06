// Serves one Envoy its resources over ADS, and knows when it has answered them.
import { finish } from '../base/index.ts'
import { type ClientStatus, ResourceView, serveAds, type Snapshot, typeShortNames, typeUrls } from '../xds/index.ts'

export interface ResourceFeed {
  /** Unix socket. */
  readonly path: string
  /** Resolves when Envoy has answered all of it, or not in time, with what it refused and why. */
  put(snapshot: Snapshot): Promise<readonly string[]>
  close(): Promise<void>
}

const answersMs = 10_000
/** What was refused keeps others from being removed, so that they are not waited for. */
const afterRefusalMs = 200
const pollMs = 2

export async function openFeed(path: string): Promise<ResourceFeed> {
  const view = new ResourceView()
  const server = await serveAds({ address: path, viewOf: () => ({ view, release: () => undefined }) })
  return {
    path,
    async put(snapshot) {
      finish(view.publishing(snapshot))
      const deadline = performance.now() + answersMs
      let refusedAt: number | undefined
      while (performance.now() < deadline) {
        const states = server.clients().flatMap(({ types }) => types)
        const has = (typeUrl: string): boolean => states.some((type) => type.typeUrl === typeUrl && type.state !== 'NOT SENT')
        const isBusy = states.some(({ state }) => state === 'STALE')
        if (states.some(({ state }) => state === 'NACK')) refusedAt ??= performance.now()
        const isOver = refusedAt !== undefined && performance.now() - refusedAt > afterRefusalMs
        if (has(typeUrls.cluster) && has(typeUrls.listener) && (!isBusy || isOver)) return refusals(server.clients())
        await new Promise((resolve) => setTimeout(resolve, pollMs))
      }
      return [...refusals(server.clients()), `no answer came within ${answersMs} ms`]
    },
    close: () => server.close(),
  }
}

function refusals(clients: readonly ClientStatus[]): readonly string[] {
  return clients.flatMap(({ types }) =>
    types.flatMap(({ typeUrl, rejected }) => (rejected === undefined ? [] : [`${typeShortNames[typeUrl]}: ${rejected.text}`])),
  )
}
