// What a request is answered with, and how it is written.
import type { ServerResponse } from 'node:http'
import { expired, internal, type JsonObject, type Status, StatusError } from '../kube/index.ts'
import { messageOf } from '../base/index.ts'
import { HistoryGone, StorageFailure } from '../store/index.ts'

export interface Answer {
  readonly code: number
  readonly body: Uint8Array | string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Each becomes a `Warning:` header. */
  readonly warnings?: readonly string[]
}

export function json(body: JsonObject, code = 200, more: Partial<Answer> = {}): Answer {
  return { code, body: JSON.stringify(body), ...more }
}

export function statusAnswer(status: Status): Answer {
  return json(status, status.code)
}

export function failureAnswer(error: unknown, report: (error: unknown) => void): Answer {
  return statusAnswer(statusOf(error, report))
}

/** Kubernetes' own words for what was thrown; what nobody foresaw is an internal error, and told. */
export function statusOf(error: unknown, report: (error: unknown) => void): Status {
  if (error instanceof StatusError) return error.status
  if (error instanceof HistoryGone) return expired(error.message)
  report(error)
  const status = internal(messageOf(error))
  if (error instanceof StorageFailure && error.isFull) return { ...status, code: 507, reason: 'InsufficientStorage' }
  return status
}

export function send(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  if (answer.code === 304) {
    // Whatever it says of content would be taken for that of the answer which is confirmed.
    response.writeHead(304, answer.headers).end()
    return
  }
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const warnings = (answer.warnings ?? []).slice(0, mostWarnings).map((text) => `299 - "${headerText(text)}"`)
  response.writeHead(answer.code, {
    'Content-Type': answer.type ?? 'application/json',
    'Content-Length': body.length,
    'Cache-Control': 'no-cache, private',
    ...answer.headers,
    ...(warnings.length === 0 ? {} : { Warning: warnings }),
  })
  response.end(body)
}

/** As many as fit into the head of an answer that clients still read. */
const mostWarnings = 20
const longestWarning = 256

/** UTF-8 in a quoted string; no character of it can end the string or the line. */
function headerText(text: string): string {
  const short = text.length > longestWarning ? `${text.slice(0, longestWarning)}…` : text
  const plain = Array.from(short, (character) => (character < ' ' || character === '\u007f' ? ' ' : character)).join('')
  return Buffer.from(plain.replaceAll(/["\\]/g, (character) => `\\${character}`)).toString('latin1')
}
