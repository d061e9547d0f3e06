// Brings a request's path into the form that routes are matched on and that is forwarded, as Envoy's normalisers do.
import type { CompiledHttpManager } from '../../runtime/index.ts'

type Mode = CompiledHttpManager['pathNormalization']

/** Path and query without fragment; undefined = the path cannot be normalised and the request is refused. */
export function normalizePath(target: string, mode: Mode): string | undefined {
  const fragment = target.indexOf('#')
  const whole = fragment === -1 ? target : target.slice(0, fragment)
  if (mode === 'none') return whole
  const question = whole.indexOf('?')
  const path = question === -1 ? whole : whole.slice(0, question)
  const query = question === -1 ? '' : whole.slice(question)
  const decoded = mode === 'decode-and-merge-slashes' ? decodeSlashes(path) : path
  const resolved = needsResolving(decoded) ? resolvePath(decoded) : decoded
  if (resolved === undefined) return undefined
  return (mode === 'base' ? resolved : mergeSlashes(resolved)) + query
}

/** A path without these is in normal form: most are. */
function needsResolving(path: string): boolean {
  return path.includes('%') || path.includes('\\') || path.includes('/.')
}

/** Envoy's UNESCAPE_AND_FORWARD: %2F, %5C, in either case. */
function decodeSlashes(path: string): string {
  return path.includes('%') ? path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\') : path
}

/**
 * What the URL library of Chromium does, which Envoy calls: backslashes become slashes, percent-encoded unreserved
 * characters are decoded, dot segments are resolved (RFC 3986 §5.2.4, §6.2.2); other escapes stay as they are.
 */
function resolvePath(path: string): string | undefined {
  const decoded = decodeUnreserved(path.replaceAll('\\', '/'))
  if (decoded === undefined) return undefined
  const kept: string[] = []
  const segments = decoded.split('/')
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1
    if (segment === '.') {
      if (isLast) kept.push('')
    } else if (segment === '..') {
      // The first element stands for the leading slash.
      if (kept.length > 1) kept.pop()
      if (isLast) kept.push('')
    } else {
      kept.push(segment)
    }
  })
  return kept.join('/')
}

/**
 * %00 is refused, as by Envoy: no path has it, and C programs end there. So is a broken escape that a decoded character could complete:
 * whoever decodes `%2%45` once more than we do sees a dot.
 */
function decodeUnreserved(path: string): string | undefined {
  if (/%00/.test(path)) return undefined
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (escape: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape
  })
  return decoded !== path && /%(?![0-9a-f]{2})/i.test(path) ? undefined : decoded
}

function mergeSlashes(path: string): string {
  return path.includes('//') ? path.replace(/\/{2,}/g, '/') : path
}
