// Names what can be dialled or bound.
import type { Address } from '../base/index.ts'

/** An address, or a Unix socket on this machine. */
export type Target = (Address | { readonly pipe: string }) & {
  /** Its share among the others; absent = 1. */
  readonly weight?: number
  /** Those with a higher number are for when the others fail; absent = 0. */
  readonly priority?: number
}
