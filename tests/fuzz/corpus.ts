// Reads and extends the kept inputs of a fuzzer: one a line, printable where it can be, so that a change of them can be read.
import { appendFileSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

// Sources and bundled programs are both started from the top of the repository.
const folder = resolve('tests', 'fuzz', 'corpus')

export function corpusPath(name: string): string {
  return join(folder, `${name}.txt`)
}

export function readCorpus(name: string): readonly Buffer[] {
  return readInputs(corpusPath(name))
}

/** Pieces that mean something to a parser. */
export function readDictionary(name: string): readonly Buffer[] {
  return readInputs(join(folder, `${name}.dictionary.txt`))
}

function readInputs(path: string): readonly Buffer[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .map(unescapeInput)
}

/** What broke the parser once is an input of every later run. */
export function addToCorpus(name: string, inputs: readonly Buffer[], words: string): void {
  const comment = `# ${words.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 140)}`
  appendFileSync(corpusPath(name), `${[comment, ...inputs.map(escapeInput)].join('\n')}\n`)
}

const letters: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\' }
const meanings: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\' }

export function escapeInput(input: Buffer): string {
  const text = input
    .toString('latin1')
    .replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, (character) => letters[character] ?? `\\x${hex(character.charCodeAt(0))}`)
  // A line that begins with `# ` is a comment, and an empty one nothing.
  return text === '' ? '\\e' : text.replace(/^#/, '\\x23')
}

export function unescapeInput(line: string): Buffer {
  const text = line.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_, digits: string | undefined, letter: string | undefined) =>
    digits === undefined ? (meanings[letter ?? ''] ?? '') : String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return Buffer.from(text, 'latin1')
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
