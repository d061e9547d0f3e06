// Knows what is declared and hidden from this workload by a Sidecar, so that a refusal can say so instead of "nobody declares this".
import type { OriginRef } from '../flow/index.ts'

export class HiddenNames {
  readonly ref: OriginRef
  readonly #names: ReadonlySet<string>

  /** `names` are hosts, wildcards among them, and addresses. */
  constructor(names: Iterable<string>, ref: OriginRef) {
    this.#names = new Set(names)
    this.ref = ref
  }

  has(name: string): boolean {
    if (this.#names.has(name)) return true
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      if (this.#names.has(`*${name.slice(dot)}`)) return true
    }
    return this.#names.has('*')
  }
}

/** As the listener `virtualOutbound` lists them: `KIND/NAMESPACE/NAME` of what hides them, and the names, with spaces between. */
export function readHiddenNames(by: unknown, names: unknown): HiddenNames | undefined {
  if (typeof by !== 'string' || typeof names !== 'string') return undefined
  const [kind = '', namespace = '', name = ''] = by.split('/')
  return new HiddenNames(names.split(' '), { kind, namespace, name, field: 'spec.egress' })
}
