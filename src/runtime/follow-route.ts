// Follows a route that does more than forward: filters first, in Istio's order, then an answer of its own, or a destination with what is changed on the way.
import type { RequestFacts } from '../flow/index.ts'
import { pickIndex } from './cluster-choice.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'
import { answerPreflight } from './cors.ts'
import type { Deny, Forward, Gather, MirrorPlan, Passthrough, RequestDecision } from './decision.ts'
import { drawFault } from './fault.ts'
import { type HttpRecipe, type MirrorRecipe, planOf } from './http-recipe.ts'
import type { Leg } from './leg.ts'
import { deny, makeReason } from './reasons.ts'
import { type CompiledRoute, isAnswer } from './route.ts'
import { answerOfCors, answerOfFault, answerOfRoute, type RouteAnswer } from './route-answer.ts'
import { type Approach, findTargets } from './targets.ts'
import type { Trace } from './trace.ts'

export interface Following {
  readonly runtime: CompiledRuntime
  readonly facts: RequestFacts
  readonly trace: Trace | undefined
  /** Of the connection manager, in milliseconds. */
  readonly idle: number
}

/** `authority`: what the route renames the request to. */
export function approachOf({ facts, trace, idle }: Following, leg: Leg, authority: string | undefined): Approach {
  return {
    connection: facts.connection,
    names: facts.names,
    random: facts.random,
    leg,
    name: undefined,
    authority: authority ?? facts.authority,
    isRewritten: authority !== undefined,
    idle,
    taken: undefined,
    trace,
  }
}

export function followLongRoute(following: Following, route: CompiledRoute, action: RouteAnswer | Leg): RequestDecision {
  const { facts } = following
  const { name, filters } = route
  const by = isAnswer(action) ? action.reason.by : action.ref
  const fault = filters?.fault && drawFault(filters.fault, (purpose) => facts.chance(purpose))
  const delay = fault?.delay ?? 0
  if (fault?.error !== undefined) {
    const changes = isAnswer(action) ? action.changes : filters?.changes
    return answerOfFault(fault.error, facts, { by, delay, route: name, changes })
  }
  if (isAnswer(action)) return answerOfRoute(action, facts, { delay, route: name })
  const preflight = filters?.cors && answerPreflight(filters.cors, facts)
  if (preflight) return answerOfCors(preflight, facts, { by, delay, route: name })
  return forward(following, action, delay)
}

function forward(following: Following, leg: Leg, delay: number): RequestDecision {
  const { runtime, facts } = following
  const recipe = leg.recipes?.[pickIndex(leg.choice, facts.random)]
  const found = findTargets(runtime, approachOf(following, leg, (recipe?.fixed ?? leg.plan)?.authority))
  if (found.verdict !== 'forward' && found.verdict !== 'passthrough') return found
  if (!recipe) return delay === 0 ? found : withPlan(found, { ...leg.plan, delay })
  const mirrors = recipe.mirrors ? findMirrors(following, recipe, recipe.mirrors) : noMirrors
  if ('verdict' in mirrors) return mirrors
  const plan = planOf(recipe, facts, { delay, mirrors })
  if ('badPath' in plan) return refusePath(runtime, leg, plan.badPath)
  return Object.keys(plan).length === 0 ? found : withPlan(found, plan)
}

function withPlan(found: Forward | Passthrough, http: NonNullable<Forward['http']>): Forward | Passthrough {
  return { ...found, http }
}

function refusePath(runtime: CompiledRuntime, leg: Leg, path: string): Deny {
  const text = `the rule rewrites the path to ${JSON.stringify(path)}, which no request can carry`
  return deny(runtime.strict, makeReason('not-supported', text, leg.ref), { route: leg.route })
}

const noMirrors: readonly MirrorPlan[] = []

/** A copy whose destination is unknown, or may not be dialled, is left out (observed); a name is asked for like any other. */
function findMirrors(following: Following, recipe: HttpRecipe, mirrors: readonly MirrorRecipe[]): readonly MirrorPlan[] | Gather {
  const plans: MirrorPlan[] = []
  for (const { cluster, share, purpose } of mirrors) {
    if (following.facts.chance(purpose) >= share || !mayMirror(following.runtime, cluster)) continue
    const leg: Leg = { choice: { names: [cluster], sums: [] }, request: 0, notFoundStatus: 503 }
    // Whatever name the copy carries, the destination has to stand for it.
    const approach = approachOf(following, leg, recipe.fixed.authority ?? following.facts.authority)
    const found = findTargets(following.runtime, approach)
    if (found.verdict === 'gather') return found
    if (found.verdict === 'forward') plans.push({ cluster: found.cluster, targets: found.targets, connect: found.timeouts.connect })
  }
  return plans
}

/** Differs from Envoy: a copy never goes to the dialled address, which nobody declared for it. */
function mayMirror({ clusters }: CompiledRuntime, name: string): boolean {
  const kind = clusters.get(name)?.addresses.kind
  return kind !== undefined && kind !== 'original-destination' && kind !== 'black-hole'
}
