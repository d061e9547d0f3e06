// A wire for tests, which leads nowhere and keeps what is written.
import { nobody, type Wire, type WireHandler } from '../transport.ts'

export class KeepingWire implements Wire {
  handler: WireHandler = nobody
  readonly local = undefined
  readonly localText = undefined
  readonly remote = undefined
  readonly principal = undefined
  readonly ownPrincipal = undefined
  readonly ended = false
  readonly closed = false
  readonly isPrivate = false
  pending = 0
  readonly written: Buffer[] = []

  send(bytes: Uint8Array, start: number, end: number): boolean {
    this.written.push(Buffer.from(bytes.subarray(start, end)))
    return true
  }

  lend(bytes: Uint8Array, start: number, end: number): boolean {
    return this.send(bytes, start, end)
  }

  finish(): void {
    // Nobody is there.
  }

  close(): void {
    // As above.
  }

  reset(): void {
    // As above.
  }

  pause(): void {
    // As above.
  }

  resume(): void {
    // As above.
  }

  promote(): void {
    // As above.
  }

  demote(): void {
    // As above.
  }
}
