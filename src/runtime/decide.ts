// Decides what becomes of a connection: one pure function of the compiled runtime and the facts, which never throws and denies what it does not know.
import { type Ip, messageOf } from '../base/index.ts'
import type { ConnectionFacts, Reason } from '../flow/index.ts'
import { agrees } from './agreement.ts'
import { blackHoleCluster } from './cluster.ts'
import type { Runtime } from './compiled.ts'
import { CompiledRuntime } from './compiled-runtime.ts'
import {
  endedOtherwise,
  misdialled,
  namesDisagree,
  noChain,
  noListener,
  notOfHost,
  refuseByChain,
  refuseByListener,
  refusePlain,
  serverName,
  tooSilent,
} from './connection-refusal.ts'
import type { Taken } from './declared-address.ts'
import type { ConnectionDecision, Deny, EndTls, Gather } from './decision.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { Leg } from './leg.ts'
import { type CompiledListener, firstBytes } from './listener.ts'
import { deny } from './reasons.ts'
import { chooseResolving } from './resolving-chain.ts'
import { findTargets, type Found } from './targets.ts'
import type { Trace } from './trace.ts'
import type { ServerTlsPlan } from './upstream-plan.ts'

/** `trace` gets the steps that were taken; without it they cost nothing. */
export function decide(runtime: Runtime, facts: ConnectionFacts, trace?: Trace): ConnectionDecision {
  try {
    if (!(runtime instanceof CompiledRuntime)) throw new TypeError('the runtime was not made by compile()')
    const decision = decideConnection({ runtime, facts, trace })
    return decision.verdict === 'deny' ? refuseConnection(runtime, facts, decision) : decision
  } catch (error) {
    const reason: Reason = { code: 'internal-error', text: `the decision failed: ${messageOf(error)}` }
    return { ...deny(true, reason, {}), status: 0 }
  }
}

interface Asked {
  readonly runtime: CompiledRuntime
  readonly facts: ConnectionFacts
  readonly trace: Trace | undefined
}

function decideConnection(asked: Asked): ConnectionDecision {
  const { runtime, facts, trace } = asked
  const listener = runtime.listeners.find(facts, trace)
  if (!listener) return noListener(runtime, facts)
  if (listener.refusal) return refuseByListener(runtime, listener, listener.refusal)
  const chosen = chooseChain(asked, listener)
  if (chosen === undefined) return noChain(runtime, listener, facts)
  if ('verdict' in chosen) return chosen
  return follow(asked, { listener, chain: chosen })
}

/** Envoy's order, then the chains that ask for an address of a name, then the listener's default. */
function chooseChain({ runtime, facts, trace }: Asked, listener: CompiledListener): CompiledChain | Gather | Deny | undefined {
  const { first } = facts
  const group = listener.matcher.groupFor(facts.destination)
  // Differs from Istio: Envoy inspects the bytes for the whole listener, so a client that waits for the server to speak first
  // stalls although its destination is decided by address alone.
  const looks = runtime.strict ? group?.needsFirstBytes === true : listener.needsFirstBytes
  if (looks && first === undefined) return listener.gather
  if (looks && listener.closesSilent && first?.protocol === 'silent') return tooSilent(runtime, listener)
  const matching = group?.choose(first)
  if (matching) return traced(trace, matching, 'match')
  const resolving = chooseResolving(runtime, listener, facts, trace)
  if (resolving) return 'verdict' in resolving ? resolving : traced(trace, resolving, 'resolves-to')
  if (listener.defaultChain) return traced(trace, listener.defaultChain, 'default')
  trace?.push({ step: 'no-chain' })
  return undefined
}

function traced(trace: Trace | undefined, chain: CompiledChain, how: 'match' | 'resolves-to' | 'default'): CompiledChain {
  trace?.push({ step: 'chain', name: chain.name, how, ...(chain.ref && { ref: chain.ref }) })
  return chain
}

function follow(asked: Asked, taken: Taken): ConnectionDecision {
  const { runtime, facts } = asked
  const { action, tls } = taken.chain
  if (tls !== undefined || facts.secured !== undefined) {
    const before = beforeTls(asked, taken, tls)
    if (before !== undefined) return before
  }
  switch (action.kind) {
    case 'refuse':
      return refuseByChain(runtime, taken, facts, action.refusal)
    case 'http':
      return { verdict: 'http', manager: action.manager }
    case 'tcp':
      return forwardTcp(asked, taken, action.leg)
  }
}

/** What there is to do or to refuse before what is inside of TLS counts; undefined: nothing. */
function beforeTls(
  { runtime, facts }: Asked,
  { chain, listener }: Taken,
  tls: ServerTlsPlan | undefined,
): EndTls | Gather | Deny | undefined {
  const { first, secured } = facts
  // What is refused needs no TLS to be told so.
  if (chain.action.kind === 'refuse') return undefined
  if (secured !== undefined) return tls !== undefined && isSameTls(tls, secured.by) ? undefined : endedOtherwise(runtime, chain)
  if (first === undefined) return listener.gather
  if (first.protocol !== 'tls') return refusePlain(runtime, chain)
  return tls && { verdict: 'end-tls', tls, ...(chain.ref && { ref: chain.ref }) }
}

function isSameTls(now: ServerTlsPlan, before: object): boolean {
  return now === before || JSON.stringify(now) === JSON.stringify(before)
}

function forwardTcp(asked: Asked, taken: Taken, leg: Leg): Found {
  const { runtime, facts, trace } = asked
  const { chain, listener } = taken
  const sni = serverName(facts.first)
  const disagrees = runtime.strict && sni !== undefined && !agrees(runtime, sni, facts)
  if (disagrees && chain.isByName) return namesDisagree(runtime, chain, facts)
  if (runtime.strict && sni !== undefined && !mayCarry(chain, sni)) {
    const { openWay } = runtime
    const isOpen = openWay !== undefined && openWay.taken.chain !== chain
    return isOpen ? forwardTcp(asked, openWay.taken, openWay.leg) : notOfHost(runtime, chain, sni)
  }
  const { names, random } = facts
  const name = sni ?? facts.virtualName?.toLowerCase()
  const found = findTargets(runtime, {
    connection: facts,
    names,
    random,
    leg,
    name,
    authority: undefined,
    isRewritten: false,
    idle: 0,
    taken,
    trace,
  })
  if (found.verdict === 'passthrough' && disagrees) return namesDisagree(runtime, chain, facts)
  if (found.verdict === 'deny' && found.cluster === blackHoleCluster) return misdialled(runtime, listener, facts) ?? found
  return found.verdict === 'forward' && chain.resolvesTo !== undefined ? preferDialled(found, facts.destination.ip) : found
}

/** Otherwise an address that many names share, as those of large hosters are, would lead to all of them. */
function mayCarry({ serverName: name }: CompiledChain, sni: string): boolean {
  if (name === undefined || name === sni) return true
  return name.startsWith('*') && sni.length >= name.length && sni.endsWith(name.slice(1))
}

/** A name's addresses are equal, so the one that the client chose among them is as good as any and spares surprises. */
function preferDialled(found: Extract<Found, { verdict: 'forward' }>, ip: Ip): Found {
  const dialled = found.targets.filter((target) => 'ip' in target && target.ip === ip)
  if (dialled.length === 0) return found
  return { ...found, targets: [...dialled, ...found.targets.filter((target) => !dialled.includes(target))] }
}

const awaitRefusable = firstBytes(250)

/**
 * Differs from Istio: a refused connection is not cut before it could say what it is, because HTTP and TLS clients can be told
 * why. Whatever has not spoken after 250 ms is closed.
 */
function refuseConnection(runtime: CompiledRuntime, facts: ConnectionFacts, refused: Deny): Deny | Gather {
  if (runtime.strict && facts.first === undefined) return awaitRefusable
  if (runtime.strict && facts.first?.protocol === 'http1') return refused
  return { ...refused, status: 0, details: refused.flag === 'NR' ? refused.details : '' }
}
