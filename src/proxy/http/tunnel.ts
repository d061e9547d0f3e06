// Carries a connection that has been switched to another protocol: both ways, at the slower side's pace, until both sides are done.
import type { Context } from '../context.ts'
import type { FlowDraft } from '../flow-recorder.ts'
import { Splice, type SpliceEnd } from '../splice.ts'
import type { Wire } from '../transport.ts'

export interface Piece {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export interface TunnelOptions {
  readonly context: Context
  readonly client: Wire
  readonly upstream: Wire
  /** What either side has said already, behind the heads. */
  readonly fromClient: Piece
  readonly fromUpstream: Piece
  readonly idleMs: number
  readonly draft: FlowDraft
  /** Called once, when both wires are gone. */
  readonly onEnd: () => void
}

export class Tunnel {
  readonly #options: TunnelOptions
  readonly #splice: Splice
  #cut: string | undefined

  constructor(options: TunnelOptions) {
    const { context, client, upstream, fromClient, fromUpstream, idleMs } = options
    this.#options = options
    const isUpTaken = upstream.send(fromClient.bytes, fromClient.start, fromClient.end)
    const isDownTaken = client.send(fromUpstream.bytes, fromUpstream.start, fromUpstream.end)
    this.#splice = new Splice({
      client,
      upstream,
      idleMs,
      clock: context.clock,
      deadlines: context.deadlines,
      onEnd: (end, error) => this.#onEnd(end, error),
    })
    this.#splice.sent += fromClient.end - fromClient.start
    this.#splice.received += fromUpstream.end - fromUpstream.start
    if (isUpTaken) client.resume()
    else client.pause()
    if (isDownTaken) upstream.resume()
    else upstream.pause()
    // The FIN of an upstream that had sent all before the switch was told to its former owner.
    if (upstream.ended) client.finish()
  }

  /** Ends both sides at once; the words go into the record. */
  cut(details: string): void {
    this.#cut = details
    this.#splice.cut()
  }

  #onEnd(end: SpliceEnd, error: Error | undefined): void {
    const { draft, onEnd } = this.#options
    draft.bytesSent += this.#splice.sent
    draft.bytesReceived += this.#splice.received
    if (this.#cut !== undefined) draft.details = this.#cut
    else if (end === 'client-reset') draft.flag = 'DC'
    else if (end === 'upstream-reset') draft.flag = 'UR'
    else if (end === 'idle') draft.details = 'idle_timeout'
    if (error && this.#cut === undefined) draft.details = error.message
    onEnd()
  }
}
