// Plays made-up calls in made-up worlds by the live engines: both have to take every snapshot without a word, and to do what was decided.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { engineDifferences } from '../../src/envoy/index.ts'
import { compile } from '../../src/runtime/index.ts'
import { type Decision, differenceOf } from '../support/agreement.ts'
import { tellCounts } from '../support/counts.ts'
import { type Engine, engines } from '../support/disagreements.ts'
import { findEnvoy } from '../support/envoy.ts'
import { openEnvoyStand } from '../support/envoy-stand.ts'
import { type Ground, hostsAreReadMs, layGround } from '../support/ground.ts'
import { openSallyportStand } from '../support/sallyport-stand.ts'
import { leaveOutEngines } from '../support/simulation.ts'
import type { Stand } from '../support/stand.ts'
import { made, patienceMs, rounds } from './generated-world.ts'
import { type MadeCall, names, type PortName, ports, type World } from './made-world.ts'
import { covers, leadsTo } from './plain-reading.ts'
import { play, type Played } from './player.ts'
import { callOf, callText, playedWorld } from './world-text.ts'

leaveOutEngines()

let ground: Ground
const runs: EngineRun[] = []

beforeAll(async () => {
  if (process.env['CI'] === 'true') expect(findEnvoy()).toBeDefined()
  ground = await layGround()
  ground.setNames(names)
  const present = engines.filter((engine) => engine !== 'envoy' || findEnvoy() !== undefined)
  const opening = present.map(async (engine) => {
    runs.push(new EngineRun(engine, await (engine === 'envoy' ? openEnvoyStand : openSallyportStand)('sidecar', ground)))
  })
  await Promise.all([...opening, new Promise((resolve) => setTimeout(resolve, hostsAreReadMs))])
})

afterAll(async () => {
  await Promise.all(runs.map((run) => run.close()))
  await ground?.close()
})

class EngineRun {
  readonly #engine: Engine
  readonly #stand: Stand
  #calls = 0
  #listed = 0

  constructor(engine: Engine, stand: Stand) {
    this.#engine = engine
    this.#stand = stand
  }

  /** What the engine said, and what it did otherwise than was decided. */
  async play(world: World, calls: readonly MadeCall[], { translation, runtime }: Played): Promise<readonly string[]> {
    const before = this.#stand.notes.length
    await this.#stand.put({ snapshot: translation.snapshot, names, isIncomplete: namesWhatIsMissing(translation) })
    const found = await Promise.all(calls.map((call) => this.#compareTwice(world, call, play(runtime, callOf(call)))))
    return [...this.#stand.notes.slice(before), ...found.flat()]
  }

  told(): string {
    return `${this.#engine}: ${this.#calls - this.#listed} of ${this.#calls} calls alike, ${this.#listed} listed differences`
  }

  close(): Promise<void> {
    return this.#stand.close()
  }

  /** A busy machine may be late to say what it did: what is otherwise is so again. */
  async #compareTwice(world: World, call: MadeCall, decision: Decision): Promise<readonly string[]> {
    const found = await this.#compare(world, call, decision)
    return found.length === 0 ? found : this.#compare(world, call, decision)
  }

  async #compare(world: World, call: MadeCall, decision: Decision): Promise<readonly string[]> {
    const outcome = await this.#stand.call(callOf(call))
    const difference = await differenceOf(this.#engine, decision, outcome)
    this.#calls++
    if (difference === undefined) return []
    const listed = this.#engine === 'envoy' ? listedDifference(world, call) : undefined
    const isUndeclared = outcome.record?.verdict === 'deny' || outcome.record?.cluster === 'PassthroughCluster'
    if (listed === undefined || !isUndeclared) return [`${callText(call)}${difference}`]
    this.#listed++
    return []
  }
}

function namesWhatIsMissing({ snapshot }: Played['translation']): boolean {
  return compile(snapshot, { addresses: [] }).rejected.some(({ awaits }) => awaits !== undefined)
}

type Difference = keyof typeof engineDifferences

/** What Envoy does otherwise, it does as if nothing declared it. */
function listedDifference({ entries }: World, { says, name, ip, port }: MadeCall): Difference | undefined {
  const isByAddress = (one: PortName): boolean => ports[one] === port && (one === 'tcp' || (one === 'any' && says !== 'http'))
  const declared = entries.filter((entry) => entry.ports.some(isByAddress))
  if (declared.some((entry) => entry.addresses === 'none' && leadsTo(entry, ip))) return 'resolved-address'
  const isOfWildcard = entries.some(({ host }) => host.startsWith('*.') && covers(host, name.toLowerCase()))
  return says === 'http' && port !== ports.http && isOfWildcard ? 'port-of-host' : undefined
}

test(
  'the live engines do what was decided',
  async () => {
    let worlds = 0
    const property = fc.asyncProperty(made, async ({ world, calls }) => {
      worlds++
      const found = await Promise.all(runs.map((run) => run.play(world, calls, playedWorld(world))))
      expect(found.flat()).toEqual([])
    })
    for (const round of rounds(30)) await fc.assert(property, round)
    for (const run of runs) tellCounts(`simulation: ${worlds} generated worlds under ${run.told()}`)
  },
  patienceMs,
)
