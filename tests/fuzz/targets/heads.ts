// What the fuzzers of request and response heads share: cutting into pieces, labels.
import type { HeadProblem, HeadScanner } from '../../../src/proxy/http/head-scanner.ts'
import { headerKinds } from '../../../src/proxy/http/header-name.ts'
import { cutsOf, type Random } from '../random.ts'
import { hold } from '../target.ts'

/** Whatever a beginning settles stays so, and nothing is settled by looking beyond it. */
export function scanInPieces(input: Buffer, random: Random, scan: (end: number) => { at: number; problem: HeadProblem | undefined }): void {
  const whole = scan(input.length)
  for (const end of cutsOf(input.length, random)) {
    const part = scan(end)
    if (part.at !== 0) {
      hold(part.at === whole.at && part.problem?.text === whole.problem?.text, `something else after ${end} of ${input.length} bytes`)
    }
    hold(part.at <= end, 'the head ends beyond the bytes that have come')
    hold(part.at !== 0 || whole.at <= 0 || end < whole.at, 'a whole head is not found in a beginning')
  }
}

export function linesOf(scanner: HeadScanner, input: Buffer): readonly (readonly [string, string])[] {
  return Array.from({ length: scanner.count }, (_, line) => [
    input.toString('latin1', scanner.nameStart(line), scanner.nameEnd(line)),
    scanner.value(line),
  ])
}

/** The kinds of the lines, each once. */
export function labelOf(scanner: HeadScanner): string {
  const kinds = new Set(Array.from({ length: scanner.count }, (_, line) => headerKinds[scanner.kind(line)]))
  return headerKinds
    .filter((kind) => kinds.has(kind))
    .slice(0, 4)
    .join()
}
