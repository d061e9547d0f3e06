// Holds made-up calls in made-up worlds to a plain reading of the declarations.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { leaveOutEngines } from '../support/simulation.ts'
import { made, patienceMs, rounds } from './generated-world.ts'
import type { MadeCall } from './made-world.ts'
import { plainReading } from './plain-reading.ts'
import { play, type Played } from './player.ts'
import { callOf, callText, playedWorld } from './world-text.ts'

leaveOutEngines()

function told(runtime: Played['runtime'], call: MadeCall): string {
  const decision = play(runtime, callOf(call))
  if (decision.verdict === 'forward' || decision.verdict === 'passthrough') return `allow ${decision.cluster.name}`
  return decision.verdict
}

test(
  'what is decided is what a plain reading says',
  () => {
    const tally = { worlds: 0, calls: 0, read: 0 }
    const property = fc.property(made, ({ world, calls }) => {
      const { runtime } = playedWorld(world)
      tally.worlds++
      for (const call of calls) {
        const becomes = told(runtime, call)
        const read = plainReading(world, call)
        tally.calls++
        if (read !== undefined) tally.read++
        if (becomes !== (read ?? becomes)) throw new Error(`${callText(call)}becomes "${becomes}" instead of "${read}"`)
      }
    })
    for (const round of rounds(200)) fc.assert(property, round)
    tellCounts(`simulation: ${tally.calls} generated calls in ${tally.worlds} worlds, ${tally.read} of them read plainly and alike`)
    expect(tally.read).toBeGreaterThan(tally.calls * 0.3)
  },
  patienceMs,
)
