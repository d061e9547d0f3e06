// Loads the client when somebody wants one: gRPC is no small part of a start, and most runs have no server.
import type { SessionOptions, XdsSession } from './session.ts'

export async function openXdsSession(options: SessionOptions): Promise<XdsSession> {
  const { openSession } = await import('./session.ts')
  return openSession(options)
}
