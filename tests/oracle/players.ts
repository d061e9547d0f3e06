// Plays what was recorded of real Istio with Envoy through the real programs, one set of declarations after the other, and holds an engine to the recorded outcomes.
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { standardTopology } from '../support/outside-plan.ts'
import { startOutside } from '../support/outside-servers.ts'
import type { Outside } from '../support/outside-servers.ts'
import type { Seen } from '../support/seen.ts'
import { createWorld } from '../support/world.ts'
import type { World } from '../support/world.ts'
import { differencesOf, type Engine } from './differences.ts'
import { type Apply, judge, readScenarios, type RecordedProbe, type Scenario, withinSlack } from './scenario.ts'
import { openSession, type Session, sessionKey } from './session.ts'

// Time for a connection that must not be made to be made all the same.
const settleMs = 30
const usualPatienceMs = 1500
const drainedMs = 1500

/** Makes the tests of one engine. */
export function playScenarios(engine: Engine, isPlayed: (name: string) => boolean = () => true): void {
  const player = new Player(engine)
  beforeAll(() => player.open())
  afterAll(() => player.close())
  const scenarios = readScenarios()
    .filter(({ name }) => isPlayed(name))
    .toSorted((a, b) => sessionKey(a).localeCompare(sessionKey(b)) || a.name.localeCompare(b.name))
  for (const scenario of scenarios) describe(`${scenario.name}: ${scenario.title}`, () => player.play(scenario))
}

class Player {
  readonly #engine: Engine
  readonly #differences: Readonly<Record<string, string>>
  readonly #tally = { scenarios: 0, agreeing: 0, probes: 0, agreeingProbes: 0 }
  #world: World | undefined
  #outside: Outside | undefined
  #session: { readonly key: string; readonly open: Session } | undefined

  constructor(engine: Engine) {
    this.#engine = engine
    this.#differences = differencesOf(engine)
  }

  async open(): Promise<void> {
    this.#world = await createWorld(standardTopology())
    this.#outside = await startOutside(this.#world.node('out'))
  }

  async close(): Promise<void> {
    await this.#session?.open.close()
    await this.#outside?.close()
    await this.#world?.close()
    const { scenarios, agreeing, probes, agreeingProbes } = this.#tally
    tellCounts(
      `oracle: ${agreeingProbes} of ${probes} verdicts agree under ${this.#engine} (${agreeing} of ${scenarios} recorded scenarios whole); tests/oracle/differences.ts has the reasons of the others`,
    )
  }

  /** Called while tests are collected. */
  play(scenario: Scenario): void {
    const whole = this.#differences[scenario.name]
    this.#tally.scenarios++
    this.#tally.probes += scenario.probes.length
    if (whole !== undefined) {
      test(`differs: ${whole}`, () => undefined)
      return
    }
    if (!scenario.probes.some(({ id }) => this.#differences[`${scenario.name}/${id}`] !== undefined)) this.#tally.agreeing++
    if (scenario.rejected !== undefined) {
      test(`is refused, as Istio does: ${scenario.rejected}`, async () => {
        expect(await this.#apply(scenario, { input: 'input.yaml' })).toBeGreaterThan(0)
      })
      return
    }
    beforeAll(() => this.#apply(scenario, { input: 'input.yaml' }))
    for (const probe of scenario.probes) this.#playProbe(scenario, probe)
  }

  #playProbe(scenario: Scenario, probe: Scenario['probes'][number]): void {
    const reason = this.#differences[`${scenario.name}/${probe.id}`]
    if (reason === undefined) this.#tally.agreeingProbes++
    if (probe.kind === 'apply') {
      test(probe.id, async () => {
        expect(await this.#apply(scenario, probe)).toBe(0)
      })
    } else if (reason === undefined) test(probe.id, () => this.#hold(scenario, probe))
    else test(`${probe.id} differs: ${reason}`, () => expect(this.#hold(scenario, probe, 300)).rejects.toThrow())
  }

  async #apply(scenario: Scenario, { input, mesh }: Pick<Apply, 'input' | 'mesh'>): Promise<number> {
    const open = await this.#sessionFor(scenario)
    // The files that the recordings speak of are the certificates of the outside.
    const text = scenario.text(input).replaceAll('/etc/oracle', dirname(this.#outside?.authority ?? ''))
    const errors = await open.apply(text, mesh ?? scenario.mesh)
    if (errors === 0) return 0
    // What is refused has a last good version while another scenario's declaration of that name was there before.
    await open.apply('', scenario.mesh)
    return open.apply(text, mesh ?? scenario.mesh)
  }

  async #hold(scenario: Scenario, probe: RecordedProbe, patienceMs = usualPatienceMs): Promise<void> {
    const golden = scenario.golden[probe.id] ?? expect.fail('nothing was recorded for this probe')
    const open = await this.#sessionFor(scenario)
    const { pauseMs = 0, ...plain } = probe
    // Envoy cuts connections when its drain time of a second is over, our own data plane at once.
    if (this.#engine === 'envoy' && pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, drainedMs)))
    this.#outside?.seen()
    // Silence is waited for no longer than it takes to be sure.
    const isSilent = golden.outcome === 'timeout' || patienceMs < usualPatienceMs
    const report = await open.play(isSilent ? { ...plain, timeout: 1 } : plain)
    if (golden.reached.length === 0) await new Promise((resolve) => setTimeout(resolve, settleMs))
    const seen: Seen[] = []
    const judged = (): unknown => {
      seen.push(...(this.#outside?.seen() ?? []))
      return withinSlack(judge(report, seen), golden, probe.slack ?? 0)
    }
    // A TCP server notes a connection when it ends.
    await expect.poll(judged, { timeout: patienceMs, interval: 20 }).toEqual(golden)
  }

  async #sessionFor(scenario: Scenario): Promise<Session> {
    const key = sessionKey(scenario)
    if (this.#session?.key === key) return this.#session.open
    await this.#session?.open.close()
    this.#session = undefined
    if (this.#world === undefined) throw new Error('there is no world')
    this.#session = { key, open: await openSession(this.#world, scenario.workloads, this.#engine) }
    return this.#session.open
  }
}
