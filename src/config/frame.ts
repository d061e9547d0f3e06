// Draws the few lines of a source around a place, with the place underlined.

export interface FrameOptions {
  /** Text of the document, and the line of the file on which it begins. */
  readonly text: string
  readonly firstLine: number
  readonly offset: number
  readonly end: number
}

const LINES_BEFORE = 2
const LONGEST_LINE = 120

export function drawFrame(options: FrameOptions): string {
  const { text, firstLine, offset, end } = options
  const { line, column } = lineAndColumn(text, offset)
  const lines = linesUpTo(text, offset - column)
  const first = firstLine + line - (lines.length - 1)
  const width = String(firstLine + line).length
  const drawn = lines.map((each, i) => `${String(first + i).padStart(width + 2)} │ ${shown(each)}`.trimEnd())
  const current = shown(lines.at(-1) ?? '')
  if (column <= current.length) {
    const length = Math.max(1, Math.min(end - offset, current.length - column))
    drawn.push(`${' '.repeat(width + 2)} │ ${' '.repeat(column)}${'^'.repeat(length)}`)
  }
  return drawn.join('\n')
}

/** The line that begins at `start`, and those before it that are shown. */
function linesUpTo(text: string, start: number): string[] {
  let from = start
  for (let i = 0; i < LINES_BEFORE && from > 0; i++) from = text.lastIndexOf('\n', from - 2) + 1
  const newline = text.indexOf('\n', start)
  return text.slice(from, newline < 0 ? text.length : newline).split('\n')
}

/** Both from 0. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 0
  let start = 0
  for (let newline = text.indexOf('\n'); newline >= 0 && newline < offset; newline = text.indexOf('\n', newline + 1)) {
    line++
    start = newline + 1
  }
  return { line, column: Math.max(0, Math.min(offset, text.length) - start) }
}

/** Offsets at which lines begin, for asking `placeIn` often. */
export function lineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let newline = text.indexOf('\n'); newline >= 0; newline = text.indexOf('\n', newline + 1)) starts.push(newline + 1)
  return starts
}

/** As `lineAndColumn`, of an offset that is in the text. */
export function placeIn(starts: readonly number[], offset: number): { readonly line: number; readonly column: number } {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low, column: offset - (starts[low] ?? 0) }
}

/** A terminal must not be steered by what a file holds, and a tab is one character wide here. */
function shown(line: string): string {
  const plain = Array.from(line.replace(/\r$/, ''), (character) => (isControl(character) ? ' ' : character)).join('')
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}…` : plain
}

function isControl(character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}
