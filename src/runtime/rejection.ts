// Names what of a resource cannot be carried out, and where in it, so that it is reported (and refused as traffic) instead of guessed at.
import type { OriginRef } from '../flow/index.ts'

export type RejectedType = 'listener' | 'route' | 'cluster' | 'endpoints' | 'name'

/** A resource that another one names and that is not there. */
export interface Awaited {
  readonly type: RejectedType
  readonly name: string
}

/** Something in a resource that the runtime cannot carry out. What it governs is denied; the rest of the resource works. */
export interface Rejection {
  readonly type: RejectedType
  /** Name of the resource. */
  readonly resource: string
  /** Envoy's field path inside the resource, such as `filter_chains[2].filters[0]`; empty for the whole of it. */
  readonly path: string
  readonly message: string
  readonly ref?: OriginRef
  /** Nothing is wrong with the resource itself: it names one that is not there, and might still come. */
  readonly awaits?: Awaited
}

/** A rejection that does not know yet which resource it belongs to: compiled parts are shared between resources. */
export interface Problem {
  readonly path: string
  readonly message: string
  readonly ref?: OriginRef
  readonly awaits?: Awaited
}

/** Moves problems of a part to their place in the whole. */
export function under(path: string, problems: readonly Problem[]): Problem[] {
  return problems.map((problem) => ({ ...problem, path: problem.path === '' ? path : `${path}.${problem.path}` }))
}

/** All that there is to report, in the making. */
export class Rejections {
  readonly all: Rejection[] = []

  add(type: Rejection['type'], resource: string, problems: readonly Problem[]): void {
    for (const problem of problems) this.all.push({ type, resource, ...problem })
  }
}
