// Describes one HTTP rule in normal form, with where it stands and what of it is not carried out.
import type { HttpMatchRequest, HttpRoute } from '../api/index.ts'
import type { FieldRef } from './destination-rules.ts'

/** An HTTP rule and where it stands: what is delegated stands in the VirtualService that it was delegated to. */
export interface HttpRule {
  readonly rule: HttpRoute
  readonly at: FieldRef
  /** Fields of the rule that are not carried out, those of its matches left out. */
  readonly unsupported: readonly FieldRef[]
  /** One without conditions for a rule that has no match. */
  readonly matches: readonly RuleMatch[]
}

export interface RuleMatch {
  readonly match: HttpMatchRequest | undefined
  readonly unsupported: readonly FieldRef[]
}
