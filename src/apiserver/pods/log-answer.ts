// Answers a request for what a Pod has written: the frames of its process become the text of the answer.
import type { ServerResponse } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { isJsonObject } from '../../kube/index.ts'

const head = { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' }
const STANDARD_OUTPUT = 1
const STATUS = 3

/** Of a process that has gone. */
export function answerLog(response: ServerResponse, text: Buffer): void {
  response.writeHead(200, head)
  response.end(text)
}

/** Ends the answer when the process ends the session, and the session when the client goes. */
export function streamLog(response: ServerResponse, session: WebSocket): void {
  response.writeHead(200, head)
  response.flushHeaders()
  response.once('close', () => {
    session.resume()
    session.close(1000)
  })
  response.on('drain', () => session.resume())
  session.on('error', () => undefined)
  session.on('message', (data) => take(bytesOf(data), response, session))
  session.once('close', () => response.end())
  session.resume()
}

function take(frame: Buffer, response: ServerResponse, session: WebSocket): void {
  if (frame[0] === STATUS) response.end(complaintOf(frame.subarray(1)))
  else if (frame[0] === STANDARD_OUTPUT && !response.destroyed && !response.write(frame.subarray(1))) session.pause()
}

/** The answer has begun: what went wrong stands at its end. */
function complaintOf(bytes: Buffer): string {
  const status = statusIn(bytes)
  if (!isJsonObject(status) || status['status'] !== 'Failure') return ''
  return typeof status['message'] === 'string' ? `${status['message']}\n` : ''
}

function statusIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    // A process may say anything; there is nothing in it to pass on.
    return undefined
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
