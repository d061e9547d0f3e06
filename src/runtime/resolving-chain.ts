// Chooses among the chains of hosts without addresses: the one that the client's destination is an address of.
import type { Address } from '../base/index.ts'
import type { ConnectionFacts } from '../flow/index.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'
import type { Gather } from './decision.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { CompiledListener } from './listener.ts'
import type { ResolvingChain } from './listener-chains.ts'
import type { Target } from './target.ts'
import type { Trace } from './trace.ts'

/** In the order of the listener (oldest first); a name is only resolved once all before it have turned out not to be it. */
export function chooseResolving(
  runtime: CompiledRuntime,
  listener: CompiledListener,
  facts: ConnectionFacts,
  trace: Trace | undefined,
): CompiledChain | Gather | undefined {
  for (const entry of listener.resolving) {
    if (entry.matcher.needsFirstBytes && facts.first === undefined) return listener.gather
    if (!entry.matcher.groupFor(facts.destination)?.choose(facts.first)) continue
    const answer = takes(runtime, entry, facts, trace)
    if (answer === true) return entry.chain
    if (answer !== false) return answer
  }
  return undefined
}

function takes(runtime: CompiledRuntime, entry: ResolvingChain, facts: ConnectionFacts, trace: Trace | undefined): boolean | Gather {
  const { destination, virtualName, names } = facts
  // An address of our own making stands for one name; nothing else resolves to it.
  if (virtualName !== undefined) return virtualName.toLowerCase() === entry.name
  if (isEndpoint(runtime, entry, destination)) return true
  const resolution = names(entry.name)
  trace?.push({ step: 'name', name: entry.name, ...resolution })
  if (resolution === undefined) return entry.gather
  return 'addresses' in resolution && resolution.addresses.includes(destination.ip)
}

/** An address that the host's declaration lists as an endpoint is the host's, whatever DNS says, and wherever a rule leads the host's connections. */
function isEndpoint(runtime: CompiledRuntime, { chain, name }: ResolvingChain, { ip, port }: Address): boolean {
  if (chain.action.kind !== 'tcp') return false
  const isOne = (target: Target): boolean => 'ip' in target && target.ip === ip
  return [`outbound|${port}||${name}`, ...chain.action.leg.choice.names].some((cluster) => {
    const found = runtime.clusters.get(cluster)
    // A gateway's address is the gateway's alone.
    if (found === undefined || found.gateway) return false
    const plan = found.addresses
    if (plan.kind === 'endpoints') return plan.targets.some(isOne)
    return plan.kind === 'dns' && plan.endpoints.some((each) => 'target' in each && isOne(each.target))
  })
}
