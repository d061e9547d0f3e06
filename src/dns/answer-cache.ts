// Keeps what resolvers answered for as long as it may be used, within a bound, least recently used first out.
import type { Clock } from '../base/index.ts'
import type { DnsAnswer } from './upstream-answer.ts'
import { longestTtlMs } from './upstream-answer.ts'

export interface AnswerCache {
  /** Only what is still fresh. */
  fresh(key: string): DnsAnswer | undefined
  /** A found answer that ran out not longer than the grace ago. */
  lastGood(key: string): DnsAnswer | undefined
  store(key: string, answer: DnsAnswer): void
  clear(): void
  readonly size: number
}

interface Entry {
  readonly answer: DnsAnswer
  /** Until then a found answer may stand in while resolvers fail. */
  readonly graceEnds: number
}

export function createAnswerCache(clock: Clock, limits: { readonly entries: number; readonly graceMs: number }): AnswerCache {
  const entries = new Map<string, Entry>()

  // An expiry that lies further ahead than any TTL we give means that the clock was set back.
  const isFresh = (answer: DnsAnswer): boolean => clock.now() < answer.expires && answer.expires - clock.now() <= longestTtlMs

  return {
    fresh(key) {
      const entry = entries.get(key)
      if (entry === undefined || !isFresh(entry.answer)) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.answer
    },
    lastGood(key) {
      const entry = entries.get(key)
      return entry !== undefined && entry.answer.status === 'found' && clock.now() < entry.graceEnds ? entry.answer : undefined
    },
    store(key, answer) {
      const before = entries.get(key)
      entries.delete(key)
      // A stand-in is stored with a new expiry, and must not live on its own grace for ever.
      const isStandIn = before !== undefined && answer.status === 'found' && answer.records === recordsOf(before.answer)
      entries.set(key, { answer, graceEnds: isStandIn ? before.graceEnds : answer.expires + limits.graceMs })
      for (const oldest of entries.keys()) {
        if (entries.size <= limits.entries) break
        entries.delete(oldest)
      }
    },
    clear: () => entries.clear(),
    get size() {
      return entries.size
    },
  }
}

function recordsOf(answer: DnsAnswer): unknown {
  return answer.status === 'found' ? answer.records : undefined
}
