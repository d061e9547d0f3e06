// Proves of each hostile request that it goes nowhere, or arrives as the one thing that a strict reader can read, at a gateway and behind a listener that looks first.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { byClass, type Entry, readCorpus } from './corpus.ts'
import { dialDoor, type Door, type Doors, openDoors, promptly, sendIn } from './doors.ts'
import { startStrictOrigin, type StrictOrigin } from './strict-origin.ts'
import { readResponses, type StrictRequest } from './strict-reader.ts'

interface HostileRequest {
  /** What arrives: `METHOD TARGET HOST BODY + TRAILER` of each request, in order. Nothing, where it is not said. */
  readonly forwards: readonly string[]
  /** What becomes of the connection after that; where nothing is forwarded, it is refused. */
  readonly then: 'refused' | 'ended'
  /** The client may go away before there is anything to answer. */
  readonly silent: boolean
}

type RequestEntry = Entry<HostileRequest>

const corpus = readCorpus<HostileRequest>('requests')
const classes = byClass(corpus)
/** Cut into single bytes only up to here: beyond, where it breaks is what matters. */
const LONGEST_CUT = 1500
const refusals = [400, 403, 404, 408, 417, 426, 431, 501, 505]

let origin: StrictOrigin
let doors: Doors
const ambiguous = new Set<RequestEntry>()

beforeAll(async () => {
  origin = await startStrictOrigin()
  doors = await openDoors(origin.origin.target)
})

afterAll(async () => {
  await doors.close()
  origin.origin.close()
  tellCounts(`corpus: ${corpus.length} hostile requests in ${classes.size} classes, ${ambiguous.size} forwarded ambiguously`)
})

it('the corpus has at least 300 requests, each of its own', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(300)
  expect(new Set(corpus.map(({ bytes }) => bytes)).size).toBe(corpus.length)
})

for (const [name, entries] of classes) {
  describe(`${name} (${entries[0]?.why})`, () => {
    it.each(entries)('$name', async (entry) => {
      for (const door of doors.all) {
        await judge(entry, door, entry.bytes.length)
        if (entry.bytes.length <= LONGEST_CUT) await judge(entry, door, 1)
      }
    })
  })
}

async function judge(entry: RequestEntry, door: Door, size: number): Promise<void> {
  const where = `at the ${door.name}, ${size === 1 ? 'in single bytes' : 'in one piece'}`
  const client = await dialDoor(door)
  await sendIn(client, entry.bytes, size)
  client.socket.end()
  await promptly(() => client.ended || client.closed, 'the end of the answer')
  const answer = client.text
  client.socket.destroy()
  await promptly(() => door.plane.plane.counters.active === 0, 'the end of the flow')
  const { requests, problems, isTouched } = await origin.take()
  const arrived = requests.map(described)
  if (problems.length > 0 || arrived.join('\n') !== (entry.forwards ?? []).join('\n')) ambiguous.add(entry)
  expect(problems, where).toEqual([])
  expect(arrived, where).toEqual(entry.forwards ?? [])
  // What is known to be broken never leaves; what breaks later leaves in part at most.
  const isWhole = size === entry.bytes.length && entry.forwards === undefined && entry.silent !== true
  if (isWhole) expect(isTouched, where).toBe(false)
  if (isWhole) expect(door.plane.closed.at(-1)?.record.verdict, where).toBe('deny')
  judgeAnswer(entry, door, answer, where)
}

function described({ method, target, headers, body, trailers }: StrictRequest): string {
  const [words, ends] = [body === '' ? '' : ` ${body}`, Array.from(trailers, ([name, value]) => ` + ${name}: ${value}`)]
  return `${method} ${target} ${headers.get('host')}${words}${ends.join('')}`
}

/** As many good answers as requests arrived, then a refusal that ends the connection, where one is due. */
function judgeAnswer(entry: RequestEntry, door: Door, answer: string, where: string): void {
  const { messages, rest, problem } = readResponses(answer, [])
  expect([rest, problem], where).toEqual(['', undefined])
  const final = messages.filter(({ status }) => status >= 200)
  const good = final.filter(({ status }) => status === 200)
  const refused = final.slice(good.length)
  expect(good.length, where).toBe(entry.forwards?.length ?? 0)
  const isDue = entry.then === 'refused' || (entry.forwards === undefined && entry.silent !== true)
  // What does not look like HTTP/1.1 is refused by a sidecar as a connection, without an answer.
  if (!isDue && entry.silent !== true) return expect(refused, where).toEqual([])
  if (final.length === 0 && (entry.silent === true || door.name === 'sidecar')) return
  expect(refused, where).toHaveLength(1)
  expect(refusals, where).toContain(refused[0]?.status)
  expect(refused[0]?.headers.get('connection'), where).toBe('close')
}
