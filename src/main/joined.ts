// Says what a role is as a Pod, for the API server that it has joined, if it has.
import type { ProxyOptions } from '../cli/index.ts'
import type { Joined, JoinedRole } from './joined-pod.ts'

const none: Joined = { runs: () => undefined, close: () => Promise.resolve() }

/** Nothing where no server is joined. Rejects when the server refuses it. */
export async function joinAs(options: ProxyOptions, role: JoinedRole): Promise<Joined> {
  if (options.join === undefined) return none
  // Loaded by who joins only.
  return (await import('./joined-pod.ts')).registerAs(options, options.join, role)
}
