// How an object and the state of the whole are written to disk, each with a sum by which damage is noticed.
import { hash } from 'node:crypto'
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

export interface ReadRecord {
  readonly stored: Stored
  readonly sum: Uint8Array
}

/** Undefined if it is damaged. */
export function decodeRecord(text: string, record: Buffer): ReadRecord | undefined {
  const [resource, namespace, name, ...rest] = text.slice(objectPrefix.length).split('/')
  if (resource === undefined || namespace === undefined || name === undefined || rest.length > 0) return undefined
  if (record.length < HEADER_BYTES) return undefined
  const key = { resource, namespace, name }
  const value = record.subarray(HEADER_BYTES)
  const sum = sumOf(key, record.subarray(0, 8), value)
  if (!sum.equals(record.subarray(8, HEADER_BYTES))) return undefined
  return { stored: { key, revision: Number(record.readBigUInt64BE(0)), value }, sum }
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
  for (const stored of [change.before, change.after]) if (stored !== undefined) toggle(sum, sumOfStored(stored))
  const count = state.count + (change.after === undefined ? 0 : 1) - (change.before === undefined ? 0 : 1)
  return { revision, count, sum }
}

/** The state of what was read, which is a part of what was written. */
export function stateOf(records: readonly ReadRecord[]): StoreState {
  const sum = Buffer.alloc(SUM_BYTES)
  for (const record of records) toggle(sum, record.sum)
  return { revision: 0, count: records.length, sum }
}

function toggle(sum: Buffer, other: Uint8Array): void {
  for (let i = 0; i < SUM_BYTES; i++) sum[i] = (sum[i] ?? 0) ^ (other[i] ?? 0)
}

function sumOfStored({ key, revision, value }: Stored): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(revision), 0)
  return sumOf(key, head, value)
}

/** At a start there are many: one call with all of it costs a third of what four calls do. */
function sumOf(key: ObjectKey, revision: Uint8Array, value: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${keyText(key)}\0`), revision, value]), 'buffer').subarray(0, SUM_BYTES)
}
