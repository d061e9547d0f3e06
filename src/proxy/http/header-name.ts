// Recognises the header names that the codec must treat in its own way, by length first and without making strings.

/** What a header line is to the codec. `other` passes through. */
export const headerKinds = [
  'other',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
  'expect',
  'accept',
  'user-agent',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-client-cert',
  'x-sallyport-flow',
  'x-sallyport-source',
  'server',
  'date',
  'x-envoy-upstream-service-time',
  /** Servers of the CGI family do not tell these from the names with hyphens. */
  'content_length',
  'transfer_encoding',
  'sec-websocket-key',
  'sec-websocket-accept',
  /** Any other name that begins with `x-envoy-`. */
  'x-envoy-*',
] as const

export type HeaderKind = (typeof headerKinds)[number]

/** Index in `headerKinds`, small enough for an array of offsets. */
export const kindIndex = Object.fromEntries(headerKinds.map((kind, index) => [kind, index])) as Readonly<Record<HeaderKind, number>>

/** For each kind, by its index: 1 if it is among these. */
export function kindSet(...kinds: readonly HeaderKind[]): Uint8Array {
  return Uint8Array.from(headerKinds, (kind) => (kinds.includes(kind) ? 1 : 0))
}

interface Candidate {
  readonly bytes: Uint8Array
  readonly index: number
}

const byLength: readonly (readonly Candidate[])[] = Array.from({ length: 64 }, (_, length) =>
  headerKinds
    .filter((kind, index) => index > 0 && !kind.endsWith('*') && kind.length === length)
    .map((kind) => ({ bytes: folded(kind), index: kindIndex[kind] })),
)

const envoyPrefix = folded('x-envoy-')

export function classifyHeaderName(bytes: Uint8Array, start: number, end: number): number {
  const candidates = byLength[end - start]
  if (candidates !== undefined) {
    for (const candidate of candidates) if (equalsFolded(bytes, start, candidate.bytes)) return candidate.index
  }
  const isEnvoy = end - start > envoyPrefix.length && equalsFolded(bytes, start, envoyPrefix)
  return isEnvoy ? kindIndex['x-envoy-*'] : 0
}

/** Of the characters of header names, setting bit 5 lower-cases letters, leaves `-` and digits, and makes `_` what no name has. */
function folded(name: string): Uint8Array {
  return Buffer.from(name, 'latin1').map((byte) => byte | 0x20)
}

function equalsFolded(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) if (((bytes[start + index] as number) | 0x20) !== name[index]) return false
  return true
}
