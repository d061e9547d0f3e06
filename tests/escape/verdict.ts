// Weighs what was seen outside against each attempt, and says it in lines for people.
import { type Need, needs } from './attempt.ts'
import { splitTarget } from './attacker/network.ts'
import { declaredHost } from './attempts/declared.ts'
import { forOrigin } from './judge/capture.ts'
import { type Evidence, isFrom, type Trial } from './judge/ledger.ts'
import { honestRequest } from './judge/origin.ts'
import type { BatchResult } from './run.ts'
import { nobodys } from './world/props.ts'
import { hasIpv6 } from './world/world.ts'

export interface Verdict {
  readonly isOut: boolean
  /** It did not even work without a seal, though it should have: it shows nothing. */
  readonly isBroken: boolean
  /** For people. */
  readonly line: string
}

/** All attempts, once, and what was seen of them. */
export interface Phase {
  readonly trials: readonly Trial[]
  readonly result: BatchResult
}

interface Finding {
  readonly isOut: boolean
  /** What was seen, or what the attacker said. */
  readonly why: string
}

export function judge(open: Phase | undefined, sealed: Phase, index: number): Verdict {
  const trial = sealed.trials[index]!
  const { attempt } = trial
  const first = open === undefined || attempt.sealOnly ? undefined : findOut(open.trials[index]!, open.result, false)
  const second = findOut(trial, sealed.result, true)
  const missing = missingNeeds(trial)
  const isBroken = first !== undefined && !first.isOut && missing.length === 0
  const words = [
    ...(attempt.sealOnly ? ['attacks the seal itself'] : first === undefined ? [] : [`without the seal: ${wordsOfFirst(first, missing)}`]),
    `sealed: ${second.isOut ? `OUT (${printable(second.why)})` : 'held'}`,
  ]
  return { isOut: second.isOut, isBroken, line: lineOf(attempt.name, words) }
}

/** One line for people. */
export function lineOf(name: string, words: readonly string[]): string {
  return `  ${name.padEnd(62)}  ${words.join('; ')}`
}

/** Whatever was seen outside during sealed runs and belongs to no attempt. */
export function findStrays({ trials, result }: Phase): readonly string[] {
  const strays = result.evidence.filter((each) => !isExpected(each) && !trials.some((trial) => isFrom(trial, each)))
  return [...new Set(strays.map((each) => printable(each.what)))]
}

/** The sidecar itself goes to the one declared host, and asks where it is; what it complains of goes to its standard error, which is a socket once. */
function isExpected({ what, text, address }: Evidence): boolean {
  const inQuestion = declaredHost
    .split('.')
    .map((label) => `${String.fromCharCode(label.length)}${label}`)
    .join('')
  return (
    what === forOrigin ||
    what === honestRequest ||
    address === nobodys ||
    (/ (question|name server)|:53$/.test(what) && (text.includes(inQuestion) || text.endsWith(` ${declaredHost}`)))
  )
}

function findOut(trial: Trial, { runs, evidence }: BatchResult, isSealed: boolean): Finding {
  const run = runs.find(({ plan }) => plan.trials.includes(trial))
  const said = run?.said.get(trial.places.index) ?? 'it was never tried'
  const seen = evidence.find((each) => isFrom(trial, each))
  if (seen !== undefined) return { isOut: true, why: seen.what }
  if (hasConfessed(trial, said)) return { isOut: true, why: said }
  if (run === undefined || !run.said.has(trial.places.index)) return { isOut: isSealed, why: said }
  if (isSealed && trial.attempt.recorded && !run.refused.some((destination) => isFor(trial, destination)))
    return { isOut: true, why: `went past the sidecar unseen: ${said}` }
  return { isOut: false, why: said }
}

/** Where nothing can be seen outside, an attacker that says it succeeded is believed. */
function hasConfessed({ attempt }: Trial, said: string): boolean {
  return attempt.confesses !== undefined && said.includes(attempt.confesses)
}

function isFor({ places }: Trial, destination: string): boolean {
  if (destination === places.v4 || destination === places.v6 || destination.includes(places.token)) return true
  const { host, port } = splitTarget(destination)
  return port === places.port || host === places.v4 || host === places.v6
}

function missingNeeds({ attempt }: Trial): readonly string[] {
  const isRoot = process.getuid?.() === 0
  const usesIpv6 = /\{v6\}|\{own6\}|\[[0-9a-f:]+|%\*/.test(JSON.stringify(attempt.attack))
  const wanted: readonly Need[] = [...(attempt.needs ?? []), ...(usesIpv6 && !hasIpv6() ? (['ipv6'] as const) : [])]
  return wanted.filter((need) => need !== 'root' || !isRoot).map((need) => needs[need])
}

function wordsOfFirst(finding: Finding, missing: readonly string[]): string {
  if (finding.isOut) return 'reached'
  if (missing.length === 0) return `NOT REACHED, though it should be (${printable(finding.why)})`
  return `not possible here (${missing.join('; ')}: ${printable(finding.why).slice(0, 100)})`
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e→]+/g, ' ').slice(0, 200)
}
