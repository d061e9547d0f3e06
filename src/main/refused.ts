// Turns what never becomes a connection (refused packets, refused DNS questions) into flow records, so that every "no" is written down.
import { randomUUID } from 'node:crypto'
import { type FlowProtocol, type FlowRecord, type FlowSource, reasonCodes, type ReasonCode } from '../flow/index.ts'
import { flowClosed, flowOpened } from '../telemetry/index.ts'

export interface RefusedThing {
  readonly kind: 'packets' | 'query'
  readonly protocol: FlowProtocol
  readonly destination: string
  readonly code: ReasonCode
  readonly host?: string
  readonly details?: string
  readonly count: number
}

export function recordRefusal(source: Omit<FlowSource, 'address' | 'authenticated'>, thing: RefusedThing): void {
  const now = Date.now()
  const { kind, protocol, destination, code, count } = thing
  const record: FlowRecord = {
    id: randomUUID(),
    kind,
    role: 'sidecar',
    opened: now,
    closed: now,
    durationMs: 0,
    source: { ...source, address: '-', authenticated: false },
    destination,
    protocol,
    ...(thing.host === undefined ? {} : { host: thing.host }),
    verdict: 'deny',
    reason: { code, text: reasonCodes[code].text },
    path: 'none',
    redialled: false,
    bytesSent: 0,
    bytesReceived: 0,
    flag: '-',
    ...(thing.details === undefined ? {} : { details: thing.details }),
    count,
  }
  flowOpened.publish({ id: record.id, kind, role: record.role })
  flowClosed.publish({ record, access: undefined })
}
