// The Huffman code of HPACK (RFC 7541 appendix B), made from the lengths of its codes, since the code is a canonical one.

/** For each byte, and for the end of the string last: bits of its code. */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10,
  12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7,
  7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22,
  23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22,
  23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20,
  24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]

const END_OF_STRING = 256
/** Bits that are read at once: no code is so short that two could end among them. */
const STEP = 4
const FAIL = -1

const codes = makeCodes()
const machine = makeMachine()

/** Returns where the text ends in `out`; -1 when it is not valid (RFC 7541 §5.2), or longer than `out`. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const { next, emitted, isEnd } = machine
  let state = 0
  let length = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    for (let shift = STEP; shift >= 0; shift -= STEP) {
      const step = (state << STEP) | ((byte >> shift) & 15)
      const symbol = emitted[step] as number
      state = next[step] as number
      if (state === FAIL) return -1
      if (symbol === FAIL) continue
      if (length === out.length) return -1
      out[length++] = symbol
    }
  }
  return isEnd[state] === 1 ? length : -1
}

/** Bytes that the code of a text takes. */
export function huffmanLength(text: Uint8Array, count: number): number {
  let bits = 0
  for (let at = 0; at < count; at++) bits += lengths[text[at] as number] as number
  return (bits + 7) >> 3
}

/** Encodes the first `count` bytes, and returns where the code ends in `out`, which has to have the room. */
export function encodeHuffman(text: Uint8Array, count: number, out: Uint8Array, at: number): number {
  let to = at
  let held = 0
  let bits = 0
  for (let index = 0; index < count; index++) {
    const symbol = text[index] as number
    const length = lengths[symbol] as number
    const code = codes[symbol] as number
    // In two parts, so that what is held never grows beyond 31 bits.
    if (length > 16) {
      held = (held << (length - 16)) | (code >>> 16)
      bits += length - 16
      while (bits >= 8) out[to++] = (held >>> (bits -= 8)) & 0xff
      held &= (1 << bits) - 1
    }
    const rest = length > 16 ? 16 : length
    held = (held << rest) | (code & 0xffff)
    bits += rest
    while (bits >= 8) out[to++] = (held >>> (bits -= 8)) & 0xff
    held &= (1 << bits) - 1
  }
  if (bits > 0) out[to++] = ((held << (8 - bits)) | (0xff >> bits)) & 0xff
  return to
}

/** Shorter codes come first, among equals those of smaller symbols. */
function makeCodes(): Uint32Array {
  const made = new Uint32Array(lengths.length)
  const order = lengths.map((_, symbol) => symbol).toSorted((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b)
  let code = 0
  let width = lengths[order[0] ?? 0] ?? 0
  for (const symbol of order) {
    const length = lengths[symbol] ?? 0
    code = code * 2 ** (length - width)
    width = length
    made[symbol] = code
    code++
  }
  return made
}

interface Node {
  readonly children: (Node | number | undefined)[]
  readonly index: number
  /** Reached by so many ones and nothing else; -1 otherwise. */
  readonly ones: number
}

function makeMachine(): { readonly next: Int16Array; readonly emitted: Int16Array; readonly isEnd: Uint8Array } {
  const nodes: Node[] = []
  const add = (ones: number): Node => {
    const node: Node = { children: [undefined, undefined], index: nodes.length, ones }
    nodes.push(node)
    return node
  }
  const root = add(0)
  for (const [symbol, length] of lengths.entries()) {
    let node = root
    for (let bit = length - 1; bit >= 0; bit--) {
      const way = Math.floor((codes[symbol] ?? 0) / 2 ** bit) % 2
      if (bit === 0) node.children[way] = symbol
      else {
        const child = node.children[way]
        const found: Node = typeof child === 'object' ? child : add(way === 1 && node.ones >= 0 ? node.ones + 1 : -1)
        node.children[way] = found
        node = found
      }
    }
  }
  const next = new Int16Array(nodes.length << STEP)
  const emitted = new Int16Array(nodes.length << STEP).fill(FAIL)
  for (const node of nodes) for (let bits = 0; bits < 1 << STEP; bits++) fill({ root, next, emitted }, node, bits)
  // Padding is the beginning of the end of string, shorter than a byte.
  return { next, emitted, isEnd: Uint8Array.from(nodes, ({ ones }) => (ones >= 0 && ones < 8 ? 1 : 0)) }
}

function fill(table: { readonly root: Node; readonly next: Int16Array; readonly emitted: Int16Array }, from: Node, bits: number): void {
  const index = (from.index << STEP) | bits
  let node = from
  for (let bit = STEP - 1; bit >= 0; bit--) {
    const child = node.children[(bits >> bit) & 1]
    if (child === undefined || child === END_OF_STRING) {
      table.next[index] = FAIL
      return
    }
    if (typeof child === 'number') {
      table.emitted[index] = child
      node = table.root
    } else node = child
  }
  table.next[index] = node.index
}
