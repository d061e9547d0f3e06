// Defines what an engine of the simulation is asked and what it answers, whichever engine it is.
import type { FlowRecord } from '../../src/flow/index.ts'
import { hello } from '../../src/proxy/sniff/client-hello.test-kit.ts'
import type { Snapshot } from '../../src/xds/index.ts'

export interface StandCall {
  readonly to: string
  readonly listener?: string
  readonly host?: string
  readonly sni?: string
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Says something that is no protocol; without this, `host` and `sni` the client says nothing. */
  readonly bytes?: true
  /** In the place of all these. */
  readonly says?: Buffer
  /** Each byte is sent by itself. */
  readonly inPieces?: true
}

export interface StandOutcome {
  readonly record: FlowRecord | undefined
  /** What the client was told. */
  readonly answer: string
  /** The addresses at which the outside was met from the address that the record names, as it has told by now: other calls may have used the same port towards others. */
  readonly reached: () => readonly string[]
}

export type Names = Readonly<Record<string, readonly string[]>>

export interface Table {
  readonly snapshot: Snapshot
  /** What names resolve to. */
  readonly names?: Names
  /** Something names what is not there. */
  readonly isIncomplete?: boolean
}

export interface Stand {
  /** Resolves when it is in force. */
  put(table: Table): Promise<void>
  /** Resolves when it is recorded, which may be a while after the client has its answer. */
  call(call: StandCall): Promise<StandOutcome>
  /** Resolves when every client has its answer, and nothing more is on the way. */
  answered(): Promise<void>
  /** What the engine said: what it refused, above all. */
  readonly notes: readonly string[]
  close(): Promise<void>
}

/** Where the seal shows nothing of the outside. */
export const standsIn = '/dev/shm'

/** How long a client that hears nothing waits. */
export const silenceMs = 320

/** What the client says. */
export function wordsOf({ host, sni, path = '/', method = 'GET', headers = {}, bytes, says }: StandCall): Buffer {
  if (says !== undefined) return says
  if (host !== undefined) {
    const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`))
    return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`, 'latin1')
  }
  if (sni !== undefined) return hello({ sni })
  return bytes === true ? Buffer.from('\u0001\u0002 no protocol\n', 'latin1') : Buffer.alloc(0)
}
