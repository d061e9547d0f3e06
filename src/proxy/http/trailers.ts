// Chooses which trailer fields are passed on: those that mean nothing to the framing, routing and handling of the message.
import type { HeadScanner } from './head-scanner.ts'
import { headerKinds } from './header-name.ts'
import { OutBuffer } from './out-buffer.ts'

/**
 * A recipient may merge trailers into the head, so that what steers a message must not come in one (RFC 9110 §6.5.1).
 * Those that would change the framing are refused with their message before this is asked.
 */
const dropped: ReadonlySet<string> = new Set(
  (
    'age cache-control date expires location pragma retry-after vary warning ' +
    'authorization cookie proxy-authenticate proxy-authorization set-cookie www-authenticate ' +
    'content-encoding content-range content-type max-forwards range ' +
    'if-match if-modified-since if-none-match if-range if-unmodified-since ' +
    'forwarded http2-settings keep-alive proxy-connection server x-request-id'
  ).split(' '),
)
const droppedPrefixes = ['x-envoy-', 'x-forwarded-', 'x-sallyport-']

const out = new OutBuffer()

/** The lines in canonical form, each with its line end; undefined when none is left. */
export function writeTrailers(scanner: HeadScanner): Buffer | undefined {
  const { bytes } = scanner
  out.reset()
  for (let line = 0; line < scanner.count; line++) {
    const name = bytes.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line)).toLowerCase()
    const isKnown = headerKinds[scanner.kind(line)] !== 'other' && name !== 'user-agent' && name !== 'accept'
    if (isKnown || dropped.has(name) || droppedPrefixes.some((prefix) => name.startsWith(prefix))) continue
    out.text(name)
    out.text(': ')
    out.copy(bytes, scanner.valueStart(line), scanner.valueEnd(line))
    out.text('\r\n')
  }
  return out.length === 0 ? undefined : out.take()
}
