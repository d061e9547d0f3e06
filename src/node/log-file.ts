// Keeps what a command has written last in a file, for when its process has gone, and reads it from there.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { LogLine } from './log-ring.ts'

const mostBytes = 1024 * 1024
const newline = 0x0a

/** One entry a line: its time, whether its end was written too, and its text; of the last so many bytes of text. */
export function writeLogFile(path: string, lines: readonly LogLine[]): void {
  let first = lines.length
  for (let bytes = 0; first > 0; first--) {
    bytes += lines[first - 1]?.text.length ?? 0
    if (bytes > mostBytes) break
  }
  const entries = lines.slice(first).flatMap(({ at, text }) => {
    const isWhole = text.at(-1) === newline
    return [Buffer.from(`${new Date(at).toISOString()} ${isWhole ? 'F' : 'P'} `), text, ...(isWhole ? [] : [Buffer.from('\n')])]
  })
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, Buffer.concat(entries), { mode: 0o600 })
  renameSync(fresh, path)
}

/** Undefined when there is no such file. */
export function readLogFile(path: string): readonly LogLine[] | undefined {
  const bytes = contentOf(path)
  if (bytes === undefined) return undefined
  const lines: LogLine[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(newline, at)
    if (end < 0) break
    const line = lineOf(bytes.subarray(at, end + 1))
    if (line) lines.push(line)
    at = end + 1
  }
  return lines
}

function lineOf(entry: Buffer): LogLine | undefined {
  const time = entry.indexOf(' ')
  const at = Date.parse(entry.toString('latin1', 0, time))
  if (time < 0 || Number.isNaN(at)) return undefined
  const isWhole = entry.toString('latin1', time + 1, time + 2) === 'F'
  return { at, text: entry.subarray(time + 3, isWhole ? entry.length : entry.length - 1) }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    // It was not written, or has gone with its Pod.
    return undefined
  }
}
