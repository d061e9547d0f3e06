// Makes the refusals of connections: what Envoy would have recorded, and a sentence that says what was missing.
import { formatAddress } from '../base/index.ts'
import { type ConnectionFacts, type FirstBytes, reasonCodes } from '../flow/index.ts'
import { mismatchText } from './agreement.ts'
import type { Refusal } from './annotations.ts'
import { blackHoleCluster } from './cluster.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'
import { standsOn, type Taken } from './declared-address.ts'
import type { Deny } from './decision.ts'
import type { CompiledChain } from './filter-chain.ts'
import type { CompiledListener } from './listener.ts'
import { deny, type DenyExtras, makeReason, undeclared } from './reasons.ts'
import { blackHole } from './targets.ts'

const asBlackHole: DenyExtras = { flag: 'UH', details: '', cluster: blackHoleCluster }

/** The server name that a connection carries, in lower case. */
export function serverName(first: FirstBytes | undefined): string | undefined {
  return first?.protocol === 'tls' && first.sni ? first.sni.toLowerCase() : undefined
}

export function noListener(runtime: CompiledRuntime, { listener }: ConnectionFacts): Deny {
  if (listener === undefined) return deny(runtime.strict, { code: 'no-configuration', text: reasonCodes['no-configuration'].text }, {})
  const text = `the listener "${listener}" is not configured any more`
  return deny(runtime.strict, { code: 'no-filter-chain', text }, {})
}

export function refuseByListener(runtime: CompiledRuntime, { ref }: CompiledListener, { code, text }: Refusal): Deny {
  return deny(runtime.strict, makeReason(code, text ?? reasonCodes[code].text, ref), {})
}

export function tooSilent(runtime: CompiledRuntime, { ref }: CompiledListener): Deny {
  const text = 'the client said nothing in time, and the listener has to know what it says'
  return deny(runtime.strict, makeReason('no-filter-chain', text, ref), {})
}

export function refusePlain(runtime: CompiledRuntime, { ref }: CompiledChain): Deny {
  return deny(runtime.strict, makeReason('no-filter-chain', 'this gateway port takes TLS only', ref), {})
}

export function endedOtherwise(runtime: CompiledRuntime, { ref }: CompiledChain): Deny {
  const text = 'TLS ends here in another way now than when this connection was made: connect again'
  return deny(runtime.strict, makeReason('no-filter-chain', text, ref), {})
}

export function namesDisagree(runtime: CompiledRuntime, { ref }: CompiledChain, facts: ConnectionFacts): Deny {
  const text = mismatchText('server name', serverName(facts.first) ?? '', facts)
  return deny(runtime.strict, makeReason('name-mismatch', text, ref), {})
}

export function notOfHost(runtime: CompiledRuntime, { ref, serverName: host }: CompiledChain, sni: string): Deny {
  const text = `the server name "${sni}" is not "${host ?? ''}", which this address and port are declared for; a port of \`protocol: TCP\` takes any`
  return deny(runtime.strict, makeReason('name-mismatch', text, ref), {})
}

export function refuseByChain(runtime: CompiledRuntime, taken: Taken, facts: ConnectionFacts, { code, text }: Refusal): Deny {
  const { ref, clusters } = taken.chain
  const isBlackHole = clusters.includes(blackHoleCluster)
  if (code === 'not-declared' && text === undefined && isBlackHole) {
    return misdialled(runtime, taken.listener, facts) ?? blackHole(runtime, facts, ref)
  }
  const extras = isBlackHole ? asBlackHole : {}
  if (code === 'not-declared' && text === undefined) return deny(runtime.strict, undeclared(runtime, facts, ref), extras)
  const by = ref ?? (code === 'not-declared' ? runtime.policyRef : undefined)
  return deny(runtime.strict, makeReason(code, text ?? reasonCodes[code].text, by), extras)
}

/** What has not been taken although something is declared just beside it: a better answer than "nobody declares this". */
export function misdialled(runtime: CompiledRuntime, listener: CompiledListener, facts: ConnectionFacts): Deny | undefined {
  return standsOn(listener, facts.destination.ip)
    ? atDeclaredAddress(runtime, listener, facts, asBlackHole)
    : elsewhere(runtime, listener, facts)
}

/** The address is somebody's, and the connection is not for them. */
function atDeclaredAddress(runtime: CompiledRuntime, listener: CompiledListener, facts: ConnectionFacts, extras: DenyExtras): Deny {
  const { first, destination } = facts
  const sni = serverName(first)
  const owner = runtime.nameOfAddress(destination.ip)
  const where = `${formatAddress(destination)}${owner === undefined ? '' : `, which belongs to "${owner}",`}`
  if (sni !== undefined && sni !== owner) {
    const by = listener.ref ?? listener.chains.find((chain) => chain.ref)?.ref
    return deny(runtime.strict, makeReason('name-mismatch', `${where} does not take the server name "${sni}"`, by), extras)
  }
  const text = `${where} is declared, but for something else than ${nameOf(first)}`
  return deny(runtime.strict, makeReason('not-declared', text, listener.ref ?? runtime.policyRef), extras)
}

/** On a port where hosts are told apart by their addresses, a nameless connection elsewhere has dialled the wrong one. */
function elsewhere(runtime: CompiledRuntime, listener: CompiledListener, facts: ConnectionFacts): Deny | undefined {
  const { first, destination, virtualName } = facts
  const hasName = serverName(first) !== undefined || (first?.protocol === 'http1' && Boolean(first.host)) || virtualName !== undefined
  // Services of the mesh are no reason to dial an address outside it.
  const external = listener.resolving.filter(({ chain }) => chain.ref?.kind !== 'Service')
  const [only] = external
  if (hasName || !only) return undefined
  const names = external.slice(0, 3).map(({ name }) => `"${name}"`)
  const more = external.length > names.length ? ` or ${external.length - names.length} others` : ''
  const text = `${formatAddress(destination)} is no address of ${names.join(' or ')}${more}, which port ${destination.port} is declared for`
  const by = external.length === 1 ? only.chain.ref : runtime.policyRef
  return deny(runtime.strict, makeReason('destination-mismatch', text, by), asBlackHole)
}

/** Envoy closes what no chain takes; at a sidecar that is the same as what the outbound policy would do under REGISTRY_ONLY. */
export function noChain(runtime: CompiledRuntime, listener: CompiledListener, facts: ConnectionFacts): Deny {
  if (facts.listener !== undefined) {
    const sni = serverName(facts.first)
    const what = sni === undefined ? 'this connection' : `the server name "${sni}"`
    return deny(runtime.strict, makeReason('no-filter-chain', `nothing at this gateway port takes ${what}`, listener.ref), {})
  }
  const isClosed = runtime.outboundPolicy === 'REGISTRY_ONLY'
  const extras: DenyExtras = isClosed ? asBlackHole : { flag: 'NR', details: 'filter_chain_not_found' }
  if (standsOn(listener, facts.destination.ip)) return atDeclaredAddress(runtime, listener, facts, extras)
  return elsewhere(runtime, listener, facts) ?? deny(runtime.strict, undeclared(runtime, facts), extras)
}

function nameOf(first: FirstBytes | undefined): string {
  switch (first?.protocol) {
    case 'tls':
      return first.sni ? 'TLS' : 'TLS without a server name'
    case 'http1':
    case 'http2':
      return 'plain HTTP'
    case 'silent':
      return 'a client that waits for the server to speak'
    default:
      return 'these bytes'
  }
}
