// Makes new inputs from kept ones: moves, doubles and drops whole pieces as often as single bytes, and knows what the parser listens for.
import type { Random } from './random.ts'

export interface MutatorOptions {
  readonly seeds: readonly Buffer[]
  readonly dictionary: readonly Buffer[]
}

/** No input grows beyond this: what is longer tests the limits, and those have seeds of their own. */
const LONGEST = 4096

const interesting = Buffer.from('\0\t\n\r :;,"/0159afxA\x7f\x80\xff', 'latin1')

export function mutate(random: Random, options: MutatorOptions): Buffer {
  let input: Buffer = Buffer.from(random.pick(options.seeds))
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) input = step(random, input, options)
  return input.length > LONGEST ? input.subarray(0, LONGEST) : input
}

function step(random: Random, input: Buffer, { seeds, dictionary }: MutatorOptions): Buffer {
  switch (random.below(11)) {
    case 0:
      return flip(random, input)
    case 1:
      return replaced(input, at(random, input), 1, Buffer.from([random.below(256)]))
    case 2:
      return replaced(input, at(random, input), random.below(2), Buffer.from([interesting[random.below(interesting.length)] ?? 0]))
    case 3:
      return dictionary.length === 0 ? flip(random, input) : replaced(input, at(random, input), 0, random.pick(dictionary))
    case 4:
      return replaced(input, at(random, input), 1 + random.below(8), Buffer.alloc(0))
    case 5:
      return input.subarray(0, at(random, input))
    case 6:
      return splice(random, input, random.pick(seeds))
    case 7:
      return changePiece(random, input)
    case 8:
      return swapPieces(random, input)
    case 9:
      return changeNumber(random, input)
    default:
      return changeLength(random, input)
  }
}

function at(random: Random, input: Buffer): number {
  return random.below(input.length + 1)
}

function replaced(input: Buffer, start: number, count: number, by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, start), by, input.subarray(start + count)])
}

function flip(random: Random, input: Buffer): Buffer {
  if (input.length === 0) return input
  const index = random.below(input.length)
  input[index] = (input[index] ?? 0) ^ (1 << random.below(8))
  return input
}

/** The beginning of one and the end of another. */
function splice(random: Random, input: Buffer, other: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at(random, input)), other.subarray(at(random, other))])
}

/** A line, or where there are none a block of bytes: dropped, doubled, or moved to the front of another. */
function changePiece(random: Random, input: Buffer): Buffer {
  const pieces = cut(random, input)
  const index = random.below(pieces.length)
  const piece = pieces[index] ?? input
  if (random.oneIn(3)) pieces.splice(index, 1)
  else if (random.oneIn(2)) pieces.splice(index, 0, piece)
  else {
    pieces.splice(index, 1)
    pieces.splice(random.below(pieces.length + 1), 0, piece)
  }
  return Buffer.concat(pieces)
}

function swapPieces(random: Random, input: Buffer): Buffer {
  const pieces = cut(random, input)
  const [a, b] = [random.below(pieces.length), random.below(pieces.length)]
  const [first, second] = [pieces[a] ?? input, pieces[b] ?? input]
  pieces[a] = second
  pieces[b] = first
  return Buffer.concat(pieces)
}

function cut(random: Random, input: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  for (;;) {
    const end = input.indexOf(0x0a, start)
    if (end === -1) break
    pieces.push(input.subarray(start, end + 1))
    start = end + 1
  }
  if (pieces.length === 0) {
    const size = 1 + random.below(16)
    for (; start + size < input.length; start += size) pieces.push(input.subarray(start, start + size))
  }
  pieces.push(input.subarray(start))
  return pieces
}

const numbers = [
  '0',
  '00',
  '1',
  '-1',
  '+1',
  '0x1',
  '1e3',
  '9',
  '65535',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740993',
  'ffffffffffff',
  '1000000000000',
]

/** A run of digits, where there is one, becomes another number. */
function changeNumber(random: Random, input: Buffer): Buffer {
  const text = input.toString('latin1')
  const runs = Array.from(text.matchAll(/[0-9]+/g))
  if (runs.length === 0) return flip(random, input)
  const run = random.pick(runs)
  return replaced(input, run.index, run[0].length, Buffer.from(random.pick(numbers), 'latin1'))
}

/** Two bytes that may be a length become a little more or less than what is left. */
function changeLength(random: Random, input: Buffer): Buffer {
  if (input.length < 2) return input
  const index = random.below(input.length - 1)
  const left = input.length - index - 2
  const value = random.oneIn(4) ? random.below(65_536) : left + random.below(5) - 2
  input.writeUInt16BE(value & 0xffff, index)
  return input
}
