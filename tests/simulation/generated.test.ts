// Holds made-up calls in made-up worlds to a plain reading of the declarations.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { leaveOutEngines } from '../support/simulation.ts'
import { callOf, madeCall, type MadeCall, textOf, world, type World } from './generated-world.ts'
import { plainReading } from './plain-reading.ts'
import { pipeline, play, type Played } from './player.ts'

leaveOutEngines()

/** Another one makes other worlds. */
const seed = Number(process.env['SIMULATION_SEED'] ?? 1)
const worlds = Number(process.env['SIMULATION_WORLDS'] ?? 200)
const mostCalls = 16

const made = fc.record({ world, calls: fc.array(madeCall, { minLength: 1, maxLength: mostCalls, size: 'max' }) })

function played(one: World): Played {
  const { strictness, policy, caller } = one
  return pipeline(textOf(one), { strictness, policy, proxy: { namespace: caller.namespace, labels: { app: caller.app } } })
}

function told(runtime: Played['runtime'], call: MadeCall): string {
  const decision = play(runtime, callOf(call))
  if (decision.verdict === 'forward' || decision.verdict === 'passthrough') return `allow ${decision.cluster.name}`
  return decision.verdict
}

test(`what is decided is what a plain reading says (SIMULATION_SEED=${seed})`, () => {
  const tally = { calls: 0, read: 0 }
  fc.assert(
    fc.property(made, ({ world: one, calls }) => {
      const { runtime } = played(one)
      for (const call of calls) {
        const becomes = told(runtime, call)
        const expected = plainReading(one, call) ?? becomes
        tally.calls++
        if (plainReading(one, call) !== undefined) tally.read++
        if (becomes !== expected) throw new Error(`${JSON.stringify(call)} becomes "${becomes}" instead of "${expected}"`)
      }
    }),
    { seed, numRuns: worlds },
  )
  tellCounts(`simulation: ${tally.calls} generated calls in ${worlds} worlds, ${tally.read} of them read plainly and alike (seed ${seed})`)
  expect(tally.read).toBeGreaterThan(tally.calls * 0.3)
})
