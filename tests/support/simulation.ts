// Plays what the tests of a file had decided again by stock Envoy, live: it has to take every snapshot, without a word, and to give the same verdicts.
import { afterAll, expect } from 'vitest'
import type { OriginRef, ReasonCode } from '../../src/flow/index.ts'
import type { ConnectionDecision, RequestDecision, Runtime } from '../../src/runtime/index.ts'
import type { Snapshot } from '../../src/xds/index.ts'
import { tellCounts } from './counts.ts'
import { disagreements, unplayable } from './envoy-disagreements.ts'
import { findEnvoy } from './envoy.ts'
import { openStand, type Stand, type StandCall } from './envoy-stand.ts'

type Role = 'sidecar' | 'gateway'
type Decision = ConnectionDecision | RequestDecision

interface Played {
  readonly test: string
  readonly call: StandCall
  readonly names: Names
  readonly decision: Decision
}

interface Kept {
  readonly role: Role
  readonly snapshot: Snapshot
  readonly calls: Played[]
}

type Names = Readonly<Record<string, readonly string[]>>

const kept: Kept[] = []
const byRuntime = new WeakMap<Runtime, Kept>()

/** Takes part in the test file that imports it: at its end everything is put to Envoy. */
export function keepForEnvoy(role: Role, snapshot: Snapshot): Snapshot {
  kept.push({ role, snapshot, calls: [] })
  return snapshot
}

/** The tests of this file put to Envoy themselves what they are about. */
export function leaveOutEnvoy(): void {
  isLeftOut = true
}

let isLeftOut = false

/** As `keepForEnvoy`, for what is decided by this runtime later. */
export function keepRuntime(runtime: Runtime, role: Role, snapshot: Snapshot): Runtime {
  const one: Kept = { role, snapshot, calls: [] }
  kept.push(one)
  byRuntime.set(runtime, one)
  return runtime
}

/** What was decided for a call. Where chance plays a part, or a name that DNS gave out, which Envoy is not told, there is nothing to compare. */
export function keepCall(runtime: Runtime, call: StandCall & Partial<Unplayable>, decision: Decision): void {
  const isPlayable = call.random === undefined && call.chance === undefined && call.virtualName === undefined
  const test = expect.getState().currentTestName ?? ''
  if (isPlayable && !unplayable.has(test)) byRuntime.get(runtime)?.calls.push({ test, call, names: call.names ?? {}, decision })
}

interface Unplayable {
  readonly random: number
  readonly chance: object
  readonly virtualName: string
  readonly names: Names
}

const tally = { calls: 0, agreeing: 0 }
const disagreeing = new Set<string>()

afterAll(async () => {
  if (isLeftOut) return
  if (findEnvoy() === undefined || kept.length === 0) {
    if (process.env['CI'] === 'true') expect(findEnvoy()).toBeDefined()
    return
  }
  const found = (await Promise.all((['sidecar', 'gateway'] as const).map(playAll))).flat()
  const file = expect.getState().testPath?.split('/').at(-1)
  tellCounts(`simulation: ${kept.length} tables of ${file} taken by Envoy, ${tally.agreeing} of ${tally.calls} calls alike`)
  const played = new Set(kept.flatMap(({ calls }) => calls.map(({ test }) => test)))
  const agreeing = Object.keys(disagreements).filter((test) => played.has(test) && !disagreeing.has(test))
  expect({ found, 'listed, and alike': agreeing }).toEqual({ found: [], 'listed, and alike': [] })
}, 120_000)

async function playAll(role: Role): Promise<readonly string[]> {
  const mine = kept.filter((one) => one.role === role)
  if (mine.length === 0) return []
  const stand = await openStand(role)
  const differing: string[] = []
  try {
    for (const one of mine) {
      const groups = groupByNames(one.calls.filter(isComparable(one.snapshot)))
      if (groups.length === 0) await stand.put(one.snapshot)
      for (const { names, calls } of groups) {
        await stand.put(one.snapshot, names)
        differing.push(...(await Promise.all(calls.map((played) => compare(stand, played)))).flat())
      }
    }
  } finally {
    await stand.close()
  }
  return [...new Set(stand.notes.filter((note) => !isMissingFile(note))), ...differing]
}

/** Calls that are told other addresses of names are played after each other. */
function groupByNames(calls: readonly Played[]): readonly { readonly names: Names; readonly calls: readonly Played[] }[] {
  const groups = new Map<string, Played[]>()
  for (const call of calls) groups.set(JSON.stringify(call.names), [...(groups.get(JSON.stringify(call.names)) ?? []), call])
  return Array.from(groups, ([names, members]) => ({ names: JSON.parse(names) as Names, calls: members }))
}

/** Envoy would have to ask for names that only the traffic says, and there is nobody to ask here. */
function isComparable({ clusters }: Snapshot): (played: Played) => boolean {
  return ({ decision }) =>
    !(
      'cluster' in decision &&
      typeof decision.cluster === 'object' &&
      clusters.get(decision.cluster.name)?.clusterDiscoveryType.case === 'clusterType'
    )
}

async function compare(stand: Stand, { test, call, decision }: Played): Promise<string[]> {
  const { record } = await stand.call(call)
  const ours = describe(decision)
  const theirs =
    record === undefined ? 'no record' : `${record.verdict} ${record.verdict === 'allow' ? (record.cluster ?? '-') : ''}${by(record.by)}`
  tally.calls++
  if (ours === theirs || (decision.verdict === 'deny' && record?.verdict === 'deny' && guesses.has(decision.reason.code))) tally.agreeing++
  else if (disagreements[test] !== undefined) disagreeing.add(test)
  else return [`${test} (${JSON.stringify(call)}): ${ours} here, ${theirs} under Envoy (${record?.reason.code} ${record?.details ?? ''})`]
  return []
}

/** Where nothing takes a flow, our data plane looks for whom it was meant; Envoy names the outbound policy. */
const guesses: ReadonlySet<ReasonCode> = new Set(['not-declared', 'not-visible', 'name-mismatch', 'destination-mismatch'])

function describe(decision: Decision): string {
  switch (decision.verdict) {
    case 'forward':
    case 'passthrough':
      return `allow ${decision.cluster.name}${by(decision.reason.by)}`
    case 'answer':
      return `allow -${by(decision.reason.by)}`
    case 'deny':
      return `deny ${by(decision.reason.by)}`
    default:
      return decision.verdict
  }
}

function by(ref: OriginRef | undefined): string {
  return ref === undefined ? '' : ` by ${ref.kind} ${ref.namespace}/${ref.name} ${ref.field ?? ''}`
}

/** Files that declarations of tests name and nobody has. Real ones are put to Envoy by the recorded scenarios. */
function isMissingFile(note: string): boolean {
  return /Invalid path: |Failed to load incomplete private key from path: /.test(note)
}
