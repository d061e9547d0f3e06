// Proves of each hostile response that the client gets an error, a cut, or the one response that a strict reader can read, and that the next request gets its own answer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, type Peer, startOrigin } from '../in-process/proxy-kit.ts'
import { tellCounts } from '../support/counts.ts'
import { byClass, type Entry, readCorpus } from './corpus.ts'
import { dialDoor, type Door, type Doors, openDoors, promptly, sendIn } from './doors.ts'
import { readResponses, type StrictResponse } from './strict-reader.ts'

interface HostileResponse {
  /** What the client gets: `STATUS BODY`, several with `|` between; `cut`: it breaks off; `flood`: interim responses, then an error. 502, where it is not said. */
  readonly gives: string
  readonly method: string
  /** Sent when the client has its answer. */
  readonly later: string
  /** The origin does not end the connection. */
  readonly stays: boolean
}

type ResponseEntry = Entry<HostileResponse>

const corpus = readCorpus<HostileResponse>('responses')
const classes = byClass(corpus)
const LONGEST_CUT = 1500
const second = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond'

let origin: Origin
let doors: Doors
const ambiguous = new Set<ResponseEntry>()
/** What the origin sends for `/first`, in pieces of this size. */
let playing: { readonly entry: ResponseEntry; readonly size: number } | undefined
/** Who got `/first`. */
let first: Peer | undefined

beforeAll(async () => {
  origin = await startOrigin(play)
  doors = await openDoors(origin.target)
})

afterAll(async () => {
  await doors.close()
  origin.close()
  tellCounts(`corpus: ${corpus.length} hostile responses in ${classes.size} classes, ${ambiguous.size} forwarded ambiguously`)
})

it('the corpus has at least 100 responses, each of its own', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(100)
  expect(new Set(corpus.map((entry) => JSON.stringify([entry.bytes, entry.later, entry.method]))).size).toBe(corpus.length)
})

for (const [name, entries] of classes) {
  describe(`${name} (${entries[0]?.why})`, () => {
    it.each(entries)('$name', async (entry) => {
      for (const door of doors.all) {
        await judge(entry, door, Math.max(1, entry.bytes.length))
        if (entry.bytes.length <= LONGEST_CUT) await judge(entry, door, 1)
      }
    })
  })
}

function play(peer: Peer): void {
  let read = 0
  peer.socket.on('error', () => undefined)
  peer.socket.on('data', () => {
    for (;;) {
      const end = peer.text.indexOf('\r\n\r\n', read)
      if (end === -1) return
      const isFirst = peer.text.slice(read, end).includes('/first ')
      read = end + 4
      if (isFirst && playing) void misbehave(peer, playing.entry, playing.size)
      else peer.write(second)
    }
  })
}

async function misbehave(peer: Peer, entry: ResponseEntry, size: number): Promise<void> {
  first = peer
  await sendIn(peer, entry.bytes, size)
  if (entry.stays !== true) peer.socket.end()
}

async function judge(entry: ResponseEntry, door: Door, size: number): Promise<void> {
  const where = `at the ${door.name}, ${size === 1 ? 'in single bytes' : 'in one piece'}`
  playing = { entry, size }
  const method = entry.method ?? 'GET'
  let client = await dialDoor(door)
  client.write(`${method} /first HTTP/1.1\r\nHost: a.example\r\n\r\n`)
  const read = (): ReturnType<typeof readResponses> => readResponses(client.text, [method])
  const isAnswered = (): boolean => read().messages.some(({ status }) => status >= 200)
  await promptly(() => client.closed || client.ended || isAnswered(), `an answer ${where}`)
  const got = described(read(), client.closed || client.ended)
  const wanted = entry.gives ?? '502'
  if (got !== wanted) ambiguous.add(entry)
  expect(got, where).toBe(wanted)
  if (entry.later !== undefined) first?.write(entry.later)
  if (client.closed || client.ended) client = await dialDoor(door)
  await expectSecond(client, where)
  client.socket.destroy()
  await promptly(() => door.plane.plane.counters.active === 0, 'the end of the flows')
  for (const peer of origin.peers) peer.socket.destroy()
  await promptly(() => origin.peers.every(({ closed }) => closed), 'the end of the connections')
  origin.peers.length = 0
}

function described({ messages, rest, problem }: ReturnType<typeof readResponses>, isOver: boolean): string {
  if (problem !== undefined) return `not canonical: ${problem}`
  const statuses = messages.map(shown)
  const interim = messages.filter(({ status }) => status < 200).length
  if (interim > 3) return interim <= 16 && statuses.at(-1) === '502' ? 'flood' : `a flood of ${interim}`
  if ((messages.at(-1)?.status ?? 0) >= 200) return statuses.join(' | ')
  return isOver ? 'cut' : `more than ${rest}`
}

/** What the proxy says itself is told by its status. */
function shown({ status, body }: StrictResponse): string {
  return body === '' || status === 502 || status === 503 ? String(status) : `${status} ${body}`
}

/** The next request gets its own answer, whatever is left of the first one. */
async function expectSecond(client: Peer, where: string): Promise<void> {
  const from = client.text.length
  client.write('GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n')
  const read = (): ReturnType<typeof readResponses> => readResponses(client.text.slice(from), ['GET'])
  await promptly(() => read().messages.length > 0 || client.closed, `the second answer ${where}`)
  const { messages, problem } = read()
  expect([problem, messages.map(({ status, body }) => `${status} ${body}`)], where).toEqual([undefined, ['200 second']])
}
