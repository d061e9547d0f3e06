// Says to clients of gRPC what the proxy itself answers, in the one head without a body that they read (Envoy's local replies).
import type { ReplyContent } from './replies.ts'

/** `application/grpc`, with or without the way in which messages are written. */
export function isGrpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(\+|$)/.test(contentType)
}

/** What statuses mean to gRPC (grpc/doc/http-grpc-status-mapping.md); all others are UNKNOWN. */
const statuses: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 }
const UNKNOWN = 2
/** Of the words, before they are written in ASCII. */
const LONGEST = 1024

export function grpcReply(content: ReplyContent): ReplyContent {
  const text = content.words ?? Buffer.from(content.body).toString('utf8')
  const headers: [string, string][] = [
    ['content-type', 'application/grpc'],
    ['grpc-status', String(content.grpcStatus ?? statuses[content.status] ?? UNKNOWN)],
  ]
  // Visible ASCII but the percent sign stands for itself.
  const words = text.slice(0, LONGEST).replaceAll(/[^ -$&-~]/gu, percent)
  if (words !== '') headers.push(['grpc-message', words])
  const { decision, isOverload } = content
  return { status: 200, body: '', headers, ...(decision !== undefined && { decision }), ...(isOverload && { isOverload }) }
}

function percent(character: string): string {
  return Array.from(Buffer.from(character, 'utf8'), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
