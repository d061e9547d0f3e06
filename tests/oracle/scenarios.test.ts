// Plays what was recorded of real Istio with Envoy through the real programs, one set of declarations after the other, and holds them to the recorded outcomes.
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { standardTopology } from '../support/outside-plan.ts'
import { startOutside } from '../support/outside-servers.ts'
import type { Outside } from '../support/outside-servers.ts'
import type { Seen } from '../support/seen.ts'
import { createWorld } from '../support/world.ts'
import type { World } from '../support/world.ts'
import { differences } from './differences.ts'
import { type Apply, judge, readScenarios, type RecordedProbe, type Scenario, withinSlack } from './scenario.ts'
import { openSession, type Session, sessionKey } from './session.ts'

// Time for a connection that must not be made to be made all the same.
const settleMs = 30

let world: World
let outside: Outside
let session: { readonly key: string; readonly open: Session } | undefined
const tally = { scenarios: 0, agreeing: 0, probes: 0, agreeingProbes: 0 }

beforeAll(async () => {
  world = await createWorld(standardTopology())
  outside = await startOutside(world.node('out'))
})

afterAll(async () => {
  await session?.open.close()
  await outside.close()
  await world.close()
  const { scenarios, agreeing, probes, agreeingProbes } = tally
  tellCounts(
    `recorded scenarios: ${agreeing} of ${scenarios} agree whole, ${agreeingProbes} of ${probes} probes; tests/oracle/differences.ts has the reasons of the others`,
  )
})

async function sessionFor(scenario: Scenario): Promise<Session> {
  const key = sessionKey(scenario)
  if (session?.key === key) return session.open
  await session?.open.close()
  session = undefined
  session = { key, open: await openSession(world, scenario.workloads) }
  return session.open
}

/** The files that the recordings speak of are the certificates of the outside. */
function declarationsOf(scenario: Scenario, file: string): string {
  return scenario.text(file).replaceAll('/etc/oracle', dirname(outside.authority))
}

async function apply(scenario: Scenario, { input, mesh }: Pick<Apply, 'input' | 'mesh'>): Promise<number> {
  const open = await sessionFor(scenario)
  const text = declarationsOf(scenario, input)
  const errors = await open.apply(text, mesh ?? scenario.mesh)
  if (errors === 0) return 0
  // What is refused has a last good version while another scenario's declaration of that name was there before.
  await open.apply('', scenario.mesh)
  return open.apply(text, mesh ?? scenario.mesh)
}

async function hold(scenario: Scenario, probe: RecordedProbe, patienceMs = 1500): Promise<void> {
  const golden = scenario.golden[probe.id] ?? expect.fail('nothing was recorded for this probe')
  const open = await sessionFor(scenario)
  outside.seen()
  const { pauseMs: _pauseMs, ...plain } = probe
  // Silence is waited for no longer than it takes to be sure.
  const report = await open.play(golden.outcome === 'timeout' ? { ...plain, timeout: 1 } : plain)
  if (golden.reached.length === 0) await new Promise((resolve) => setTimeout(resolve, settleMs))
  const seen: Seen[] = []
  const judged = (): unknown => {
    seen.push(...outside.seen())
    return withinSlack(judge(report, seen), golden, probe.slack ?? 0)
  }
  // A TCP server notes a connection when it ends.
  await expect.poll(judged, { timeout: patienceMs, interval: 20 }).toEqual(golden)
}

const scenarios = readScenarios().toSorted((a, b) => sessionKey(a).localeCompare(sessionKey(b)) || a.name.localeCompare(b.name))

for (const scenario of scenarios) {
  describe(`${scenario.name}: ${scenario.title}`, () => {
    const whole = differences[scenario.name]
    tally.scenarios++
    tally.probes += scenario.probes.length
    if (whole !== undefined) {
      test(`differs: ${whole}`, () => undefined)
      return
    }
    if (!scenario.probes.some(({ id }) => differences[`${scenario.name}/${id}`] !== undefined)) tally.agreeing++

    if (scenario.rejected !== undefined) {
      test(`is refused, as Istio does: ${scenario.rejected}`, async () => {
        expect(await apply(scenario, { input: 'input.yaml' })).toBeGreaterThan(0)
      })
      return
    }

    beforeAll(() => apply(scenario, { input: 'input.yaml' }))

    for (const probe of scenario.probes) {
      const reason = differences[`${scenario.name}/${probe.id}`]
      if (probe.kind === 'h2c') {
        test(`${probe.id} is not played: ${reason}`, () => expect(reason).toBeDefined())
      } else if (probe.kind === 'apply') {
        tally.agreeingProbes++
        test(probe.id, async () => {
          expect(await apply(scenario, probe)).toBe(0)
        })
      } else if (reason !== undefined) {
        test(`${probe.id} differs: ${reason}`, () => expect(hold(scenario, probe, 300)).rejects.toThrow())
      } else {
        tally.agreeingProbes++
        test(probe.id, () => hold(scenario, probe))
      }
    }
  })
}
