// Holds how single probes add up to a verdict.
import { expect, test } from 'vitest'
import type { Probe } from './contract.ts'
import { describeReport, summarize } from './self-test.ts'

const held: Probe = { name: 'ICMP', outcome: 'held', detail: 'refused' }
const escaped: Probe = { name: 'AF_VSOCK', outcome: 'escaped', detail: 'it was allowed' }
const unanswered: Probe = { name: 'TCP over IPv4', outcome: 'unanswered', detail: 'nothing in 3000 ms' }

const cases: Record<string, { probes: readonly Probe[]; ok: boolean; escaped: boolean }> = {
  'all held': { probes: [held, held], ok: true, escaped: false },
  'one got out': { probes: [held, escaped], ok: false, escaped: true },
  'one without an answer is not good, but no escape either': { probes: [held, unanswered], ok: false, escaped: false },
  both: { probes: [unanswered, escaped], ok: false, escaped: true },
}

test.each(Object.entries(cases))('%s', (_name, { probes, ...expected }) => {
  expect(summarize(probes, 1)).toMatchObject(expected)
})

test('a report names what did not hold', () => {
  expect(describeReport(summarize([held, escaped], 1))).toBe('AF_VSOCK: it was allowed')
  expect(describeReport(summarize([held], 1))).toBe('all 1 probes held')
})
