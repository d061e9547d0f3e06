// Plays what the tests of a file had decided again by the live engines: each has to take every snapshot without a word, and to give the same verdicts.
import { afterAll, expect } from 'vitest'
import type { compile, Runtime } from '../../src/runtime/index.ts'
import type { Snapshot } from '../../src/xds/index.ts'
import { tellCounts } from './counts.ts'
import { type Decision, differenceOf } from './agreement.ts'
import { disagreements, type Engine, engines, unplayable } from './disagreements.ts'
import { findEnvoy } from './envoy.ts'
import { openEnvoyStand } from './envoy-stand.ts'
import { type Ground, hostsAreReadMs, layGround } from './ground.ts'
import { openSallyportStand } from './sallyport-stand.ts'
import type { Names, Stand, StandCall } from './stand.ts'

type Compiled = ReturnType<typeof compile>
type Role = 'sidecar' | 'gateway'

interface Played {
  readonly test: string
  readonly call: StandCall
  readonly names: Names
  readonly decision: Decision
}

interface Kept {
  readonly role: Role
  readonly snapshot: Snapshot
  readonly isIncomplete: boolean
  readonly calls: Played[]
}

const kept: Kept[] = []
const byRuntime = new WeakMap<Runtime, Kept>()
/** Nobody wants to hear of engines where only our own decisions are looked at. */
let isLeftOut = process.env['SIMULATION_ENGINES'] === 'none'

/** Takes part in the test file that imports it: at its end everything is put to the engines. */
export function keepSnapshot(role: Role, snapshot: Snapshot): Snapshot {
  kept.push({ role, snapshot, isIncomplete: false, calls: [] })
  return snapshot
}

/** The tests of this file put to the engines themselves what they are about. */
export function leaveOutEngines(): void {
  isLeftOut = true
}

/** As `keepSnapshot`, for what is decided by this runtime later. */
export function keepRuntime({ runtime, rejected }: Compiled, role: Role, snapshot: Snapshot): Runtime {
  const one: Kept = { role, snapshot, isIncomplete: rejected.some(({ awaits }) => awaits !== undefined), calls: [] }
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

afterAll(async () => {
  if (isLeftOut || kept.length === 0) return
  if (process.env['CI'] === 'true') expect(findEnvoy()).toBeDefined()
  const file = expect.getState().testPath?.split('/').at(-1) ?? ''
  const ground = await layGround()
  try {
    const runs = engines.filter((engine) => engine !== 'envoy' || findEnvoy() !== undefined).map((engine) => new EngineRun(engine, ground))
    await playAll(runs, ground)
    for (const run of runs) tellCounts(run.told(file))
    const found = runs.flatMap((run) => run.found())
    expect(found).toEqual([])
  } finally {
    await ground.close()
  }
}, 180_000)

async function playAll(runs: readonly EngineRun[], ground: Ground): Promise<void> {
  try {
    for (const { names, tables } of inGroups(kept)) {
      ground.setNames(names)
      if (Object.keys(names).length > 0) await new Promise((resolve) => setTimeout(resolve, hostsAreReadMs))
      await Promise.all(runs.map((run) => run.play(tables)))
    }
  } finally {
    await Promise.all(runs.map((run) => run.close()))
  }
}

interface Group {
  readonly names: Names
  readonly tables: Kept[]
}

/** Tables that do not contradict each other about any name share a group; whoever finds no address for a name has one of its own. */
function inGroups(all: readonly Kept[]): readonly Group[] {
  const groups: { names: Names; isExact: boolean; tables: Kept[] }[] = []
  for (const { calls, ...table } of all) {
    if (calls.length === 0) groupFor(groups, {}, false).tables.push({ ...table, calls: [] })
    for (const call of calls) {
      const isExact = call.decision.verdict === 'deny' && call.decision.reason.code === 'name-unresolved'
      const { tables } = groupFor(groups, call.names, isExact)
      const last = tables.at(-1)
      if (last?.snapshot === table.snapshot) last.calls.push(call)
      else tables.push({ ...table, calls: [call] })
    }
  }
  return groups
}

function groupFor(
  groups: { names: Names; isExact: boolean; tables: Kept[] }[],
  names: Names,
  isExact: boolean,
): { readonly tables: Kept[] } {
  const text = (value: unknown): string => JSON.stringify(value)
  const agrees = (other: Names): boolean =>
    Object.entries(names).every(([name, list]) => other[name] === undefined || text(other[name]) === text(list))
  const found = groups.find((group) =>
    isExact ? group.isExact && text(group.names) === text(names) : !group.isExact && agrees(group.names),
  )
  const group = found ?? { names: {}, isExact, tables: [] }
  if (found === undefined) groups.push(group)
  group.names = { ...group.names, ...names }
  return group
}

/** What one engine made of a file's tables. */
class EngineRun {
  readonly #engine: Engine
  readonly #ground: Ground
  readonly #stands = new Map<Role, Promise<Stand>>()
  readonly #played = new Set<string>()
  readonly #disagreeing = new Set<string>()
  readonly #found: string[] = []
  #tables = 0
  #calls = 0
  #agreeing = 0

  constructor(engine: Engine, ground: Ground) {
    this.#engine = engine
    this.#ground = ground
  }

  /** Roles do not wait for each other. */
  async play(tables: readonly Kept[]): Promise<void> {
    const roles = ['sidecar', 'gateway'] as const
    await Promise.all(
      roles.map((role) =>
        this.#playRole(
          role,
          tables.filter((one) => one.role === role),
        ),
      ),
    )
  }

  told(file: string): string {
    return `simulation: ${this.#tables} tables of ${file} under ${this.#engine}, ${this.#agreeing} of ${this.#calls} calls alike`
  }

  /** What differs without a reason, what has a reason and does not differ, and what the engine said. */
  found(): readonly string[] {
    const listed = disagreements[this.#engine]
    const agreeing = Object.keys(listed).filter((test) => this.#played.has(test) && !this.#disagreeing.has(test))
    return [...new Set(this.#found), ...agreeing.map((test) => `${this.#engine}: listed, and alike: ${test}`)]
  }

  async close(): Promise<void> {
    for (const opening of this.#stands.values()) {
      const stand = await opening
      this.#found.push(...stand.notes.filter((note) => !isMissingFile(note)).map((note) => `${this.#engine}: ${note}`))
      await stand.close()
    }
  }

  async #playRole(role: Role, tables: readonly Kept[]): Promise<void> {
    if (tables.length === 0) return
    const opening = this.#stands.get(role) ?? (this.#engine === 'envoy' ? openEnvoyStand : openSallyportStand)(role, this.#ground)
    this.#stands.set(role, opening)
    const stand = await opening
    const comparing: Promise<void>[] = []
    for (const { snapshot, isIncomplete, calls } of tables) {
      this.#tables++
      const names = Object.assign({}, ...calls.map((played) => played.names)) as Names
      await stand.put({ snapshot, names, isIncomplete })
      const under = calls.map((played) => ({ played, comparing: this.#compare(stand, played) }))
      comparing.push(...under.map((each) => each.comparing))
      await stand.answered()
      // A connection that is not over yet would be judged by the next table.
      await Promise.all(under.flatMap((each) => (mayLive(each.played) ? [each.comparing] : [])))
    }
    await Promise.all(comparing)
  }

  async #compare(stand: Stand, { test, call, decision }: Played): Promise<void> {
    const difference = await differenceOf(this.#engine, decision, await stand.call(call))
    this.#calls++
    this.#played.add(test)
    if (difference === undefined) this.#agreeing++
    else if (disagreements[this.#engine][test] !== undefined) this.#disagreeing.add(test)
    else this.#found.push(`${test}: ${difference}; asked: ${wordsFor(call)}`)
  }
}

/** A call in one line; which names lead where is the same in most of a file. */
function wordsFor({ says, ...call }: StandCall): string {
  return JSON.stringify({ ...call, names: undefined, ...(says && { says: says.toString('latin1') }) })
}

function mayLive({ call, decision }: Played): boolean {
  return call.host === undefined && decision.verdict !== 'deny'
}

/** Files that declarations of tests name and nobody has. Real ones are put to the engines by the recorded scenarios. */
function isMissingFile(note: string): boolean {
  return / cannot be used: ENOENT: /.test(note)
}
