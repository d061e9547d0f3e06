// Finds the judged addresses of names by the facts gathered so far, and says in words why a name leads nowhere.
import type { NameFacts } from '../flow/index.ts'
import { isNeverReached } from './address-class.ts'
import type { NamedEndpoint } from './cluster-endpoints.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'
import type { Gather } from './decision.ts'
import type { Target } from './target.ts'
import type { Trace } from './trace.ts'

/** Who wants to know: a flow with its facts. */
export interface Asker {
  readonly names: NameFacts
  readonly trace: Trace | undefined
}

const none: readonly Target[] = []

/** Addresses that may be dialled (none when the name has none, or none that may be), or the question that is still open. */
export function targetsOfName(
  runtime: CompiledRuntime,
  { names, trace }: Asker,
  { name, use, gather }: NamedEndpoint,
): readonly Target[] | Gather {
  const resolution = names(name)
  trace?.push({ step: 'name', name, ...resolution })
  if (resolution === undefined) return gather
  return 'addresses' in resolution ? runtime.judged.judge(resolution, use, trace).targets : none
}

export interface NameFailure {
  readonly code: 'private-address' | 'name-unresolved'
  readonly text: string
}

/** Why none of these names led to an address. Only asked once a flow is refused, so it looks everything up again. */
export function failureOfNames(runtime: CompiledRuntime, { names }: Asker, questions: readonly NamedEndpoint[]): NameFailure {
  const failures: string[] = []
  for (const { name, use } of questions) {
    const resolution = names(name)
    if (resolution === undefined) continue
    if ('failed' in resolution) {
      failures.push(`"${name}" could not be resolved: ${resolution.failed}`)
      continue
    }
    const { dropped } = runtime.judged.judge(resolution, use, undefined)
    if (dropped.length > 0) return { code: 'private-address', text: droppedText(name, dropped) }
    failures.push(`"${name}" has no address${use.family === undefined ? '' : ` of family IPv${use.family}`}`)
  }
  return { code: 'name-unresolved', text: failures.length > 0 ? failures.join('; ') : 'no name to resolve' }
}

function droppedText(name: string, dropped: ReturnType<CompiledRuntime['judged']['judge']>['dropped']): string {
  const list = dropped.slice(0, 4).map(({ ip, kind }) => `${ip} (${kind})`)
  const more = dropped.length > list.length ? ` and ${dropped.length - list.length} more` : ''
  const addresses = `${list.join(', ')}${more}`
  if (dropped.some(({ kind }) => isNeverReached(kind))) {
    return `"${name}" resolves only to addresses that are never reached by a name: ${addresses}`
  }
  return `"${name}" is covered by a wildcard only and resolves to private addresses: ${addresses}; declare the name itself, or set privateNames to "allow"`
}
