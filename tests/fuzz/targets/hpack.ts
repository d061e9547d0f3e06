// Fuzzes HPACK: the decoder against a plain reading, with the table that a first block has left, and the encoder against the decoder.
import { OutBuffer } from '../../../src/proxy/http/out-buffer.ts'
import { type FieldList, HpackDecoder } from '../../../src/proxy/http2/hpack-decoder.ts'
import { HpackEncoder } from '../../../src/proxy/http2/hpack-encoder.ts'
import { type PlainField, PlainTable } from '../reference/hpack.ts'
import { holdSame, type FuzzTarget } from '../target.ts'

export const hpackTarget: FuzzTarget = { name: 'hpack', dictionary: 'hpack', run }

const limits = { bytes: 8192, count: 40 }

function run(input: Buffer): string {
  const decoder = new HpackDecoder(limits)
  const table = new PlainTable()
  let label = ''
  for (const round of ['a block', 'the same block again']) {
    const read = decoder.decode(input, 0, input.length)
    const plain = table.read(input)
    // A string that unfolds to more than a whole head may have is no string to us.
    if (read === undefined && plain?.some(({ name, value }) => name.length > limits.bytes || value.length > limits.bytes)) return 'long'
    holdSame(read && fieldsOf(read), plain && within(plain), round)
    if (!read) return `${label} broken`
    label += ` ${Math.min(read.length, 5)} ${read.isTooLarge}`
    writeAnew(read)
  }
  return label
}

function fieldsOf({ names, values }: FieldList): readonly PlainField[] {
  return names.map((name, index) => ({ name, value: values[index] ?? '' }))
}

function within(fields: readonly PlainField[]): readonly PlainField[] {
  let size = 0
  const end = fields.findIndex(({ name, value }, index) => {
    size += name.length + value.length + 32
    return size > limits.bytes || index === limits.count
  })
  return end === -1 ? fields : fields.slice(0, end)
}

function writeAnew(fields: FieldList): void {
  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder(limits)
  for (let round = 0; round < 2; round++) {
    const out = new OutBuffer()
    encoder.begin(out)
    for (const { name, value } of fieldsOf(fields)) encoder.field(out, name, value)
    const again = decoder.decode(out.bytes, 0, out.length)
    holdSame(again && fieldsOf(again), fieldsOf(fields), 'what is written')
  }
}
