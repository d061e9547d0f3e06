// Reads the metadata `dev.sallyport` into the runtime's terms, so that a bad word in it becomes a refusal and never an allow.
import { type OriginRef, type ReasonCode, reasonCodes } from '../flow/index.ts'
import { readMetadata, type SallyportMetadata } from '../xds/index.ts'

/** Why whatever leads here is denied. Without `text`, the sentence is made from the facts of the flow. */
export interface Refusal {
  readonly code: ReasonCode
  readonly text?: string
}

export interface Annotations {
  readonly ref?: OriginRef
  readonly refusal?: Refusal
  readonly said: SallyportMetadata
}

export function readAnnotations(metadata: Parameters<typeof readMetadata>[0]): Annotations {
  const said = readMetadata(metadata)
  const ref = readRef(said)
  const refusal = readRefusal(said)
  return { said, ...(ref && { ref }), ...(refusal && { refusal }) }
}

export function notSupported(text: string): Refusal {
  return { code: 'not-supported', text }
}

function readRef({ kind, namespace, name, field }: SallyportMetadata): OriginRef | undefined {
  if (!isText(kind) || !isText(name)) return undefined
  return { kind, name, namespace: isText(namespace) ? namespace : '', ...(isText(field) && { field }) }
}

function readRefusal({ refuse, refuseText }: SallyportMetadata): Refusal | undefined {
  if (refuse === undefined) return undefined
  if (!isDenial(refuse)) return notSupported(`the resource says "refuse" with the unknown reason ${JSON.stringify(refuse)}`)
  return { code: refuse, ...(isText(refuseText) && { text: refuseText }) }
}

function isDenial(code: string): code is ReasonCode {
  return Object.hasOwn(reasonCodes, code) && !reasonCodes[code as ReasonCode].allow
}

/** The types promise strings, but another control plane may have written anything. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
