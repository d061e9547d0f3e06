// Writes JSON, YAML and columns to standard output.
import type { JsonValue } from '@bufbuild/protobuf'
import { stringify } from 'yaml'

export function writeStructured(value: JsonValue, format: string | undefined): void {
  process.stdout.write(format === 'yaml' ? stringify(value, { lineWidth: 0 }) : `${JSON.stringify(value, undefined, 2)}\n`)
}

/** Columns as wide as they need, three spaces apart, as istioctl sets them. */
export function writeColumns(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows].map((cells) => cells.map(printable))
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)))
  for (const cells of all)
    process.stdout.write(
      `${cells
        .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
        .join('')
        .trimEnd()}\n`,
    )
}

/** A server's words must not steer the terminal. */
export function printable(text: string): string {
  return Array.from(text, (character) => (character < ' ' || character === '\u007f' ? ' ' : character)).join('')
}
