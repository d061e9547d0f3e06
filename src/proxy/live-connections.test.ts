// Holds that a new configuration comes to judge every live connection, however quickly the next one follows.
import { expect, test } from 'vitest'
import type { Runtime } from '../runtime/index.ts'
import { LiveConnections } from './live-connections.ts'

function runtime(version: number): Runtime {
  return {
    version,
    strict: true,
    outboundPolicy: 'REGISTRY_ONLY',
    knowsNames: true,
    boundListeners: [],
    declaredName: () => undefined,
    nameOfAddress: () => undefined,
    placed: (ref) => ref,
  }
}

/** By each connection, the version that it was judged by last. */
function filled(count: number): { live: LiveConnections; judged: number[] } {
  const live = new LiveConnections()
  const judged = Array.from({ length: count }, () => 0)
  for (const index of judged.keys()) {
    live.add({
      judgeAgain: ({ version }) => (judged[index] = version),
      drain: () => undefined,
      cut: () => undefined,
    })
  }
  return { live, judged }
}

test('every connection is judged, in more turns than one', async () => {
  const { live, judged } = filled(1000)
  live.judgeAgain(runtime(1))
  await expect.poll(() => judged.every((version) => version === 1)).toBe(true)
})

test('nobody is passed by when one configuration follows the other before the last could judge all', async () => {
  const { live, judged } = filled(1000)
  for (let version = 1; version <= 4; version++) live.judgeAgain(runtime(version))
  expect(judged.filter((version) => version === 0)).toHaveLength(0)
  await expect.poll(() => judged.every((version) => version === 4)).toBe(true)
})
