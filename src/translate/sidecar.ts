// Builds the listeners and route tables of a sidecar together, so that exactly the tables that a listener names exist.
import type { Steps } from '../base/index.ts'
import type { Context, ListenersAndRoutes } from './context.ts'
import { governing } from './governed.ts'
import { closedPorts } from './narrower-hosts.ts'
import { sidecarListeners } from './sidecar-listeners.ts'
import { sidecarTables } from './sidecar-tables.ts'

export function* sidecarResources(ctx: Context): Steps<ListenersAndRoutes> {
  if (governing(ctx) !== undefined) return { listeners: yield* sidecarListeners(ctx, []), routes: new Map() }
  const closed = yield* closedPorts(ctx)
  yield
  const listeners = yield* sidecarListeners(ctx, closed)
  yield
  return { listeners, routes: yield* sidecarTables(ctx, closed) }
}
