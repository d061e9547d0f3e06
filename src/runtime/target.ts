// Names what can be dialled or bound.
import type { Address } from '../base/index.ts'

/** An address, or a Unix socket on this machine. */
export type Target = Address | { readonly pipe: string }
