// Reads the body of a request within limits of size and time.
import type { IncomingMessage } from 'node:http'
import { StatusError, timeout, tooLarge } from '../kube/index.ts'

export const largestBody = 3 * 1024 * 1024
const LONGEST_MS = 30_000

/** The client went away while it was sending: nobody waits for an answer. */
export class ClientGone extends Error {}

/** Rejects with a StatusError, or with ClientGone. */
export function readBody(request: IncomingMessage, longestMs = LONGEST_MS): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > largestBody) return Promise.reject(new StatusError(tooLarge(largestBody)))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const timer = setTimeout(() => end(new StatusError(timeout('the body of the request did not come in time'))), longestMs)
    const end = (error?: Error): void => {
      clearTimeout(timer)
      request.off('data', take)
      if (error === undefined) resolve(Buffer.concat(chunks))
      else reject(error)
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > largestBody) end(new StatusError(tooLarge(largestBody)))
      else chunks.push(chunk)
    }
    request.on('data', take)
    request.once('end', () => end())
    request.once('error', (error) => end(new ClientGone(error.message, { cause: error })))
  })
}
