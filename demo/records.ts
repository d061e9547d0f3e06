// Reads the flow records that sidecars and gateways write, and waits for the one that is meant.
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FlowRecord } from '../src/flow/index.ts'

export interface Records {
  readonly role: 'sidecar' | 'gateway'
  /** From now on only what is written later counts. */
  mark(): void
  /** The first record since the mark that is meant; undefined when none comes in time. */
  find(isMeant: (record: FlowRecord) => boolean): Promise<FlowRecord | undefined>
  /** All since the mark. */
  fresh(): readonly FlowRecord[]
}

const findMs = 3000

export function openRecords(role: Records['role'], file: string): Records {
  let skip = 0
  const fresh = (): readonly FlowRecord[] => readRecords(file).slice(skip)
  return {
    role,
    mark() {
      skip = readRecords(file).length
    },
    fresh,
    async find(isMeant) {
      const deadline = performance.now() + findMs
      for (;;) {
        const found = fresh().find(isMeant)
        if (found !== undefined || performance.now() > deadline) return found
        await sleep(10)
      }
    },
  }
}

/** One line, as people read it. */
export function describeRecord(record: FlowRecord | undefined): string {
  if (record === undefined) return 'no such record'
  const { by } = record
  const what = [record.method, record.host ?? record.sni, `${record.destination}/${record.protocol}`].filter((part) => part !== undefined)
  const way = record.upstream === undefined ? record.path : `${record.path} → ${record.upstream}`
  const flag = record.flag === '-' ? '' : ` ${record.flag}`
  const place = by?.file === undefined ? '' : ` (${basename(by.file)}:${by.line ?? '?'})`
  const author = by === undefined ? '' : `, by ${by.kind} ${by.namespace}/${by.name}${place}`
  return `${record.verdict} ${record.reason.code}${flag}: ${what.join(' ')}, ${way}${author}`
}

function readRecords(file: string): FlowRecord[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FlowRecord)
}
