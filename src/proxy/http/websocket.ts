// Checks the answer to a WebSocket handshake, so that a connection is switched only when both ends have agreed to it.
import { createHash } from 'node:crypto'
import type { HeadScanner } from './head-scanner.ts'
import { headerKinds } from './header-name.ts'

/** RFC 6455 §1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The answer proves that the origin has read this very handshake (RFC 6455 §4.1). */
export function acceptsKey(scanner: HeadScanner, key: string): boolean {
  const expected = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  let answers = 0
  let isRight = false
  for (let line = 0; line < scanner.count; line++) {
    if (headerKinds[scanner.kind(line)] !== 'sec-websocket-accept') continue
    answers++
    isRight = scanner.value(line) === expected
  }
  return answers === 1 && isRight
}
