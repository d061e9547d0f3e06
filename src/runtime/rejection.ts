// Names what of a resource cannot be carried out, and where in it, so that it is reported (and refused as traffic) instead of guessed at.
import type { OriginRef } from '../flow/index.ts'

/** Something in a resource that the runtime cannot carry out. What it governs is denied; the rest of the resource works. */
export interface Rejection {
  readonly type: 'listener' | 'route' | 'cluster' | 'endpoints' | 'name'
  /** Name of the resource. */
  readonly resource: string
  /** Envoy's field path inside the resource, such as `filter_chains[2].filters[0]`; empty for the whole of it. */
  readonly path: string
  readonly message: string
  readonly ref?: OriginRef
}

/** A rejection that does not know yet which resource it belongs to: compiled parts are shared between resources. */
export interface Problem {
  readonly path: string
  readonly message: string
  readonly ref?: OriginRef
}

/** Moves problems of a part to their place in the whole. */
export function under(path: string, problems: readonly Problem[]): Problem[] {
  return problems.map((problem) => ({ ...problem, path: problem.path === '' ? path : `${path}.${problem.path}` }))
}
