// Loads the observer when somebody wants to look: gRPC is no small part of a start.
import type { ClientStatus } from '../server/status-service.ts'
import type { Observed, ObserveOptions } from './observe.ts'

/** Until the signal. Rejects with SLP4202 when the server cannot be asked, or ends the stream. */
export async function observe(options: ObserveOptions): Promise<void> {
  const { observeNode } = await import('./observe.ts')
  return observeNode(options)
}

/** Rejects with SLP4202 when the server cannot be asked. */
export async function fetchClientStatus(observed: Observed): Promise<readonly ClientStatus[]> {
  const { askClientStatus } = await import('./observe.ts')
  return askClientStatus(observed)
}
