// How an object and the state of the whole are written to disk, each with a sum by which damage is noticed.
import { createHash } from 'node:crypto'
import type { ObjectKey, Stored } from './object-store.ts'

/** Keys of objects begin with it. */
export const objectPrefix = 'o/'
/** The first key behind those of objects. */
export const objectEnd = 'o0'

const SUM_BYTES = 16
const HEADER_BYTES = 8 + SUM_BYTES

export function keyText({ resource, namespace, name }: ObjectKey): string {
  return `${objectPrefix}${resource}/${namespace}/${name}`
}

export function encodeRecord({ key, revision, value }: Stored): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64BE(BigInt(revision), 0)
  sumOf(key, header.subarray(0, 8), value).copy(header, 8)
  return Buffer.concat([header, value])
}

/** Undefined if it is damaged. */
export function decodeRecord(text: string, record: Buffer): Stored | undefined {
  const [resource, namespace, name, ...rest] = text.slice(objectPrefix.length).split('/')
  if (resource === undefined || namespace === undefined || name === undefined || rest.length > 0) return undefined
  if (record.length < HEADER_BYTES) return undefined
  const key = { resource, namespace, name }
  const value = record.subarray(HEADER_BYTES)
  if (!sumOf(key, record.subarray(0, 8), value).equals(record.subarray(8, HEADER_BYTES))) return undefined
  return { key, revision: Number(record.readBigUInt64BE(0)), value }
}

/** Written in the same batch as what it sums up, so that a part that is lost is noticed. */
export interface StoreState {
  readonly revision: number
  readonly count: number
  /** Of the sums of all objects: it can be carried on by what comes and goes. */
  readonly sum: Buffer
}

export const emptyState: StoreState = { revision: 0, count: 0, sum: Buffer.alloc(SUM_BYTES) }

export function encodeState({ revision, count, sum }: StoreState): string {
  return JSON.stringify({ revision, count, sum: sum.toString('hex') })
}

export function decodeState(text: string): StoreState | undefined {
  const match = /^\{"revision":(\d+),"count":(\d+),"sum":"([\da-f]{32})"\}$/.exec(text)
  if (match === null) return undefined
  return { revision: Number(match[1]), count: Number(match[2]), sum: Buffer.from(match[3] ?? '', 'hex') }
}

/** The state with one version gone, one come, or both. */
export function changedState(
  state: StoreState,
  revision: number,
  change: { readonly before?: Stored; readonly after?: Stored },
): StoreState {
  const sum = Buffer.from(state.sum)
  for (const stored of [change.before, change.after]) if (stored !== undefined) toggle(sum, stored)
  const count = state.count + (change.after === undefined ? 0 : 1) - (change.before === undefined ? 0 : 1)
  return { revision, count, sum }
}

function toggle(sum: Buffer, { key, revision, value }: Stored): void {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(revision), 0)
  for (const [i, byte] of sumOf(key, head, value).entries()) sum[i] = (sum[i] ?? 0) ^ byte
}

function sumOf(key: ObjectKey, revision: Uint8Array, value: Uint8Array): Buffer {
  return createHash('sha256').update(keyText(key)).update('\0').update(revision).update(value).digest().subarray(0, SUM_BYTES)
}
