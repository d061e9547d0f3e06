// Builds the answers that the proxy gives itself, in the order and spelling of Envoy's.
import { STATUS_CODES } from 'node:http'

export interface LocalReply {
  readonly status: number
  readonly body: string | Uint8Array
  readonly contentType: string
  /** Further headers, which frame nothing. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly serverName: string
  readonly date: string
  readonly closes: boolean
  /** Id of the flow, for whoever wants to look it up. */
  readonly decision?: string
  /** A limit was reached: Envoy's header says so. */
  readonly isOverload?: true
  /** A HEAD request gets the head only. */
  readonly isHead: boolean
}

const none = Buffer.alloc(0)

export function buildReply(reply: LocalReply): Buffer {
  const { status } = reply
  // RFC 9110 §15.3.5, §15.4.5: whoever reads these takes what stands behind the head for the next response.
  const isBodiless = status === 204 || status === 304
  const body = isBodiless ? none : typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body
  const headers = reply.headers ?? []
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`]
  if (reply.isOverload) lines.push('x-envoy-overloaded: true')
  if (body.length > 0) {
    lines.push(`content-length: ${body.length}`)
    if (!headers.some(([name]) => name === 'content-type')) lines.push(`content-type: ${reply.contentType}`)
  }
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  if (reply.decision !== undefined) lines.push(`x-sallyport-decision: ${reply.decision}`)
  lines.push(`date: ${reply.date}`, `server: ${reply.serverName}`)
  if (reply.closes) lines.push('connection: close')
  if (body.length === 0 && !isBodiless) lines.push('content-length: 0')
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return reply.isHead ? head : Buffer.concat([head, body])
}
