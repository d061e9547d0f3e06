// Reads the capture rules back from the kernel: are they what was meant, are they still what they were, and what did they refuse.
import { captureChains, type CapturePorts, refusalSets, table } from './ruleset.ts'

export interface CaptureState {
  /** All of the table but counts: two read-backs of untouched rules are the same text, rules installed anew are not. */
  readonly fingerprint: string
  readonly chains: readonly ReadChain[]
  readonly refused: readonly RefusedCount[]
  /** Every refused packet, also those whose destination no longer fitted into a set. */
  readonly refusedTotal: number
}

export interface ReadChain {
  readonly name: string
  readonly hook: string
  readonly policy: string
  /** The comments of its rules, in order. */
  readonly rules: readonly string[]
}

/** Counted since the destination was first refused, or since it was forgotten after ten quiet minutes. */
export interface RefusedCount {
  readonly protocol: string
  readonly destination: string
  /** Zero for protocols without ports. */
  readonly port: number
  readonly packets: number
}

/** From the output of `nft -j list table`. What cannot be understood reads as absent, which no comparison accepts. */
export function readCapture(json: string): CaptureState {
  const objects = listOf(fieldOf(parse(json), 'nftables')).filter((object) => fieldOf(object, 'metainfo') === undefined)
  const chains = objects.map((object) => fieldOf(object, 'chain')).filter((chain) => chain !== undefined)
  const rules = objects.map((object) => fieldOf(object, 'rule')).filter((rule) => rule !== undefined)
  const total = objects.map((object) => fieldOf(object, 'counter')).find((counter) => fieldOf(counter, 'name') === 'refusals')
  return {
    fingerprint: JSON.stringify(objects.map(withoutCounts)),
    chains: chains.map((chain) => ({
      name: textOf(chain, 'name'),
      hook: `type ${textOf(chain, 'type')} hook ${textOf(chain, 'hook')} priority ${textOf(chain, 'prio')}`,
      policy: textOf(chain, 'policy'),
      rules: rules.filter((rule) => fieldOf(rule, 'chain') === fieldOf(chain, 'name')).map((rule) => textOf(rule, 'comment')),
    })),
    refused: objects.flatMap(refusedCounts),
    refusedTotal: Number(fieldOf(total, 'packets') ?? 0),
  }
}

/** How the rules that are there differ from those that were meant, one sentence each; none when they agree. */
export function compareCapture(state: CaptureState, ports: CapturePorts): readonly string[] {
  const meant = captureChains(ports)
  const differences = meant.flatMap((chain) => {
    const found = state.chains.find((candidate) => candidate.name === chain.name)
    if (!found) return [`chain ${chain.name} is missing`]
    const wrong = []
    if (found.hook !== chain.hook) wrong.push(`chain ${chain.name} is "${found.hook}" instead of "${chain.hook}"`)
    if (found.policy !== chain.policy) wrong.push(`chain ${chain.name} has policy ${found.policy} instead of ${chain.policy}`)
    const names = chain.rules.map((rule) => rule.name).join(', ')
    if (found.rules.join(', ') !== names) wrong.push(`chain ${chain.name} has the rules ${found.rules.join(', ')} instead of ${names}`)
    return wrong
  })
  const strangers = state.chains.filter((chain) => !meant.some((known) => known.name === chain.name))
  return [...differences, ...strangers.map((chain) => `chain ${chain.name} is not ours`)]
}

function refusedCounts(object: unknown): RefusedCount[] {
  const set = fieldOf(object, 'set')
  if (!refusalSets.some((name) => name === fieldOf(set, 'name'))) return []
  return listOf(fieldOf(set, 'elem')).flatMap((wrapped) => {
    const element = fieldOf(wrapped, 'elem')
    const [protocol, destination, port] = listOf(fieldOf(fieldOf(element, 'val'), 'concat'))
    const packets = Number(fieldOf(fieldOf(element, 'counter'), 'packets') ?? 0)
    if (typeof destination !== 'string' || (typeof protocol !== 'string' && typeof protocol !== 'number')) return []
    return [{ protocol: `${protocol}`, destination, port: portNumber(port), packets }]
  })
}

/** `nft` prints some ports by their service's name unless told otherwise; JSON output gives numbers, yet a version may differ. */
function portNumber(port: unknown): number {
  const value = Number(port ?? 0)
  return Number.isInteger(value) ? value : 0
}

function withoutCounts(object: unknown): unknown {
  const counter = fieldOf(object, 'counter')
  if (counter !== undefined) return { counter: fieldOf(counter, 'name') }
  const set = fieldOf(object, 'set')
  if (set !== undefined) return { set: fieldOf(set, 'name'), type: fieldOf(set, 'type') }
  const rule = fieldOf(object, 'rule')
  if (rule !== undefined) return { rule: fieldOf(rule, 'comment'), chain: fieldOf(rule, 'chain'), expr: fieldOf(rule, 'expr') }
  return object
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new SyntaxError(`nft printed what is not JSON for table ${table}`, { cause })
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, name)?.value
}

function textOf(value: unknown, name: string): string {
  const field = fieldOf(value, name)
  return typeof field === 'string' || typeof field === 'number' ? `${field}` : 'absent'
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
