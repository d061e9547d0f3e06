// Holds in which order and at which pace targets are dialled, on a clock that the test moves.
import { describe, expect, it } from 'vitest'
import { type Deadlines, parseAddress, TestClock } from '../../base/index.ts'
import type { CompiledCluster, Target } from '../../runtime/index.ts'
import { type DialHandler, nobody, type Transport, type Wire } from '../transport.ts'
import { ClusterStates } from './cluster-state.ts'
import { dial, type DialPlan } from './dial.ts'
import { targetKey } from './target-key.ts'
import { SecureContexts } from '../secure-contexts.ts'
import { TlsSettings } from './tls-settings.ts'

const wire: Wire = {
  handler: nobody,
  local: undefined,
  localText: undefined,
  principal: undefined,
  ownPrincipal: undefined,
  remote: undefined,
  ended: false,
  closed: false,
  pending: 0,
  isPrivate: false,
  send: () => true,
  lend: () => true,
  finish: () => undefined,
  close: () => undefined,
  reset: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  promote: () => undefined,
  demote: () => undefined,
}

type Fate = 'connects' | 'refuses' | 'unroutable' | 'silent' | `connects after ${number}`

const targets = (...texts: string[]): Target[] => texts.map((text) => parseAddress(text) ?? { pipe: text })

/** What became of it, as lines `MILLISECONDS WHAT`. */
function play(fates: readonly Fate[], plan: Partial<DialPlan> = {}): readonly string[] {
  const clock = new TestClock(0)
  // To the millisecond, which the wheel of real deadlines is not.
  const deadlines: Deadlines = { arm: (ms, fn) => ({ ...clock.setTimer(ms, fn), refresh: () => undefined }) }
  const lines: string[] = []
  const tell = (text: string): void => void lines.push(`${clock.monotonic()} ${text}`)
  const all = fates.map((_, index) => targets(`10.0.0.${index + 1}:80`)[0] ?? { pipe: '' })
  const transport: Transport = {
    adopt: () => undefined,
    endTls: () => ({ cancel: () => undefined }),
    dial: (target, handler) => {
      tell(`dials ${targetKey(target)}`)
      const fate = fates[all.findIndex((each) => targetKey(each) === targetKey(target))] ?? 'silent'
      const timer = settle(clock, fate, handler)
      return {
        cancel: () => {
          timer?.cancel()
          tell(`gives up ${targetKey(target)}`)
        },
      }
    },
  }
  const cluster: CompiledCluster = { name: 'c', gateway: false, proxyProtocol: false }
  const clusters = new ClusterStates(clock)
  dial(
    { transport, deadlines, clock, tls: new TlsSettings(new SecureContexts(clock, () => undefined)), clusters },
    { cluster, targets: all, attempts: 3, connectMs: 1000, ...plan },
    {
      onConnect: (_wire, target, attempt) => tell(`has ${targetKey(target)} by attempt ${attempt}`),
      onFail: ({ words, attempts }) => tell(`fails after ${attempts}: ${words}`),
    },
  )
  clock.advance(20_000)
  expect(clock.pending).toBe(0)
  return lines
}

function settle(clock: TestClock, fate: Fate, handler: DialHandler): { cancel(): void } | undefined {
  if (fate === 'silent') return undefined
  const error = (code: string): Error => Object.assign(new Error(code), { code })
  if (fate === 'refuses') return clock.setTimer(1, () => handler.onFail(error('ECONNREFUSED')))
  if (fate === 'unroutable') return clock.setTimer(1, () => handler.onFail(error('ENETUNREACH')))
  return clock.setTimer(Number(fate.split(' ')[2] ?? 1), () => handler.onConnect(wire))
}

describe('dialling', () => {
  it('takes the first that answers, and no other is dialled', () => {
    expect(play(['connects', 'connects'])).toEqual(['0 dials 10.0.0.1:80', '1 has 10.0.0.1:80 by attempt 1'])
  })

  it('tries the next beside one that is silent, and gives the slower one up (RFC 8305)', () => {
    expect(play(['silent', 'connects'])).toEqual([
      '0 dials 10.0.0.1:80',
      '250 dials 10.0.0.2:80',
      '251 gives up 10.0.0.1:80',
      '251 has 10.0.0.2:80 by attempt 2',
    ])
  })

  it('takes a slow one if the next is slower still', () => {
    expect(play(['connects after 300', 'silent'])).toEqual([
      '0 dials 10.0.0.1:80',
      '250 dials 10.0.0.2:80',
      '300 gives up 10.0.0.2:80',
      '300 has 10.0.0.1:80 by attempt 1',
    ])
  })

  it('goes on at once from one that refuses', () => {
    expect(play(['refuses', 'connects'])).toEqual(['0 dials 10.0.0.1:80', '1 dials 10.0.0.2:80', '2 has 10.0.0.2:80 by attempt 2'])
  })

  it('does not count what this machine has no route to', () => {
    expect(play(['unroutable', 'unroutable', 'refuses', 'connects'], { attempts: 2 }).at(-1)).toBe('4 has 10.0.0.4:80 by attempt 2')
  })

  it('never tries more than it may, each with its own time', () => {
    expect(play(['silent', 'silent', 'silent', 'connects'])).toEqual([
      '0 dials 10.0.0.1:80',
      '250 dials 10.0.0.2:80',
      '500 dials 10.0.0.3:80',
      '1000 gives up 10.0.0.1:80',
      '1250 gives up 10.0.0.2:80',
      '1500 gives up 10.0.0.3:80',
      '1500 fails after 3: connection_timeout',
    ])
  })

  it('tries the only one again after a pause', () => {
    expect(play(['refuses'])).toEqual([
      '0 dials 10.0.0.1:80',
      '26 dials 10.0.0.1:80',
      '52 dials 10.0.0.1:80',
      '53 fails after 3: delayed_connect_error:_Connection_refused',
    ])
  })

  it('does not race where connections are counted, nor where failures are', () => {
    const base: CompiledCluster = { name: 'c', gateway: false, proxyProtocol: false }
    const counted = play(['silent', 'connects'], { cluster: { ...base, pool: { connections: 5 } } })
    expect(counted).toEqual([
      '0 dials 10.0.0.1:80',
      '1000 gives up 10.0.0.1:80',
      '1000 dials 10.0.0.2:80',
      '1001 has 10.0.0.2:80 by attempt 2',
    ])
  })

  it('says which file is missing, after it has returned', () => {
    const tls = {
      autoSni: true,
      autoSan: true,
      sans: [],
      roots: '/none.crt',
      alpn: [],
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
    } as const
    const [only, ...more] = play(['connects'], { cluster: { name: 'c', gateway: false, proxyProtocol: false, tls } })
    expect(only).toContain("fails after 1: TLS_error:_Secret_is_not_supplied_by_SDS:_ENOENT:_no_such_file_or_directory,_stat_'/none.crt'")
    expect(more).toEqual([])
  })
})
