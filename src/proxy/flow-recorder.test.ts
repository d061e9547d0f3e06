// Holds that every flow ends in exactly one record.
import { describe, expect, it } from 'vitest'
import { TestClock } from '../base/index.ts'
import { type FlowClosed, flowClosed, type FlowOpened, flowOpened } from '../telemetry/index.ts'
import { FlowRecorder } from './flow-recorder.ts'

const source = { namespace: 'default', workload: 'app', labels: {}, address: '10.0.0.1:1', authenticated: false }

function setUp(): { recorder: FlowRecorder; clock: TestClock; opened: FlowOpened[]; closed: FlowClosed[]; end: () => void } {
  const clock = new TestClock(1000)
  const recorder = new FlowRecorder({ role: 'sidecar', clock, placed: (ref) => ({ ...ref, file: 'a.yaml', line: 3 }) })
  const opened: FlowOpened[] = []
  const closed: FlowClosed[] = []
  const stops = [flowOpened.subscribe((message) => opened.push(message)), flowClosed.subscribe((message) => closed.push(message))]
  return { recorder, clock, opened, closed, end: () => stops.forEach((stop) => stop()) }
}

describe('a flow', () => {
  it('is a refusal until something else is known, and closes once', () => {
    const { recorder, clock, opened, closed, end } = setUp()
    const flow = recorder.open('connection', source, '203.0.113.1:80')
    flow.announce()
    flow.announce()
    clock.advance(50)
    flow.close()
    flow.draft.verdict = 'allow'
    flow.close()
    end()
    expect(opened).toEqual([{ id: flow.id, kind: 'connection', role: 'sidecar' }])
    expect(closed).toHaveLength(1)
    expect(closed[0]?.record).toMatchObject({ id: flow.id, verdict: 'deny', path: 'none', opened: 1000, closed: 1050, durationMs: 50 })
    expect(recorder.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })

  it('says where the declaration stands that decided', () => {
    const { recorder, closed, end } = setUp()
    const flow = recorder.open('request', source, '203.0.113.1:80')
    flow.draft.reason = { code: 'declared', text: 'yes', by: { kind: 'ServiceEntry', namespace: 'n', name: 'e' } }
    flow.close()
    end()
    expect(closed[0]?.record).toMatchObject({
      reason: { code: 'declared', text: 'yes' },
      by: { kind: 'ServiceEntry', namespace: 'n', name: 'e', file: 'a.yaml', line: 3 },
    })
    expect(closed[0]?.record.reason).not.toHaveProperty('by')
  })

  it('that its requests stand for has no record, unless it was announced', () => {
    const { recorder, closed, end } = setUp()
    const silent = recorder.open('connection', source, 'a')
    silent.discard()
    silent.close()
    const told = recorder.open('connection', source, 'b')
    told.announce()
    told.discard()
    told.close()
    end()
    expect(closed.map(({ record }) => record.destination)).toEqual(['b'])
    expect(recorder.counters).toEqual({ opened: 1, recorded: 1, active: 0 })
  })
})
