// Holds the terminal while `top` draws on it: the other screen, no cursor, single keys; and gives it back however the program ends.
import type { ReadStream, WriteStream } from 'node:tty'
import type { ScreenSize } from './screen.ts'

export interface Terminal {
  size(): ScreenSize
  /** Redraws in place; a frame equal to the last one is not written. */
  draw(lines: readonly string[]): void
  close(): void
}

export interface TerminalEvents {
  onKey(key: string): void
  onResize(): void
}

const ESC = '\u001b['
// A terminal that knows synchronised output shows a frame whole; others ignore the request.
const frameBegin = `${ESC}?2026h${ESC}H`
const frameEnd = `${ESC}J${ESC}?2026l`

export function openTerminal(input: ReadStream | undefined, output: WriteStream, events: TerminalEvents): Terminal {
  let last = ''
  let isOpen = true
  const onData = (bytes: Buffer): void => {
    for (const key of keysOf(bytes.toString('latin1'))) events.onKey(key)
  }
  const onResize = (): void => {
    last = ''
    events.onResize()
  }
  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    process.off('exit', close)
    output.off('resize', onResize)
    input?.off('data', onData)
    input?.setRawMode(false)
    input?.pause()
    output.write(`${ESC}?25h${ESC}?1049l`)
  }
  output.write(`${ESC}?1049h${ESC}?25l`)
  output.on('resize', onResize)
  input?.setRawMode(true)
  input?.on('data', onData)
  process.on('exit', close)
  return {
    // A terminal that does not know its size says nothing, or 0.
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    draw(lines) {
      const frame = `${lines.map((line) => `${line}${ESC}K`).join('\r\n')}`
      if (!isOpen || frame === last || output.writableLength > 0) return
      last = frame
      output.write(`${frameBegin}${frame}${frameEnd}`)
    },
    close,
  }
}

/** Single characters, and `tab`, `escape`; other sequences, as of arrows, are passed over whole. */
function keysOf(text: string): readonly string[] {
  const keys: string[] = []
  for (let at = 0; at < text.length; at++) {
    const key = text[at] ?? ''
    if (key === '\u001b' && (text[at + 1] === '[' || text[at + 1] === 'O')) {
      at += 2
      while (at < text.length && /[0-9;]/.test(text[at] ?? '')) at++
    } else keys.push(key === '\t' ? 'tab' : key === '\u001b' ? 'escape' : key)
  }
  return keys
}
