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
  'x-sallyport-flow',
  'x-sallyport-source',
  'server',
  'date',
  'x-envoy-upstream-service-time',
  /** Any other name that begins with `x-envoy-`. */
  'x-envoy-*',
] as const

export type HeaderKind = (typeof headerKinds)[number]

/** Index in `headerKinds`, small enough for an array of offsets. */
export const kindIndex = Object.fromEntries(headerKinds.map((kind, index) => [kind, index])) as Readonly<Record<HeaderKind, number>>

interface Candidate {
  readonly bytes: Uint8Array
  readonly index: number
}

const byLength: readonly (readonly Candidate[])[] = Array.from({ length: 64 }, (_, length) =>
  headerKinds
    .filter((kind, index) => index > 0 && !kind.endsWith('*') && kind.length === length)
    .map((kind) => ({ bytes: Buffer.from(kind, 'latin1'), index: kindIndex[kind] })),
)

const envoyPrefix = Buffer.from('x-envoy-', 'latin1')

export function classifyHeaderName(bytes: Uint8Array, start: number, end: number): number {
  const candidates = byLength[end - start]
  if (candidates !== undefined) {
    for (const candidate of candidates) if (equalsLower(bytes, start, candidate.bytes)) return candidate.index
  }
  const isEnvoy = end - start > envoyPrefix.length && equalsLower(bytes, start, envoyPrefix)
  return isEnvoy ? kindIndex['x-envoy-*'] : 0
}

/** `lower` has only characters of header names, where setting bit 5 lower-cases letters; `-` and digits have it set already. */
function equalsLower(bytes: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let index = 0; index < lower.length; index++) if (((bytes[start + index] as number) | 0x20) !== lower[index]) return false
  return true
}
