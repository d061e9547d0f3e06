// Holds that what the proxy makes of valid requests is read as the same requests by nginx, HAProxy and Envoy, and by the strictest reader.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byClass, type Entry, readCorpus } from '../corpus/corpus.ts'
import { dialDoor, type Door, type Doors, openDoors, promptly, sendIn } from '../corpus/doors.ts'
import { startStrictOrigin, type StrictOrigin } from '../corpus/strict-origin.ts'
import { readResponses } from '../corpus/strict-reader.ts'
import { tellCounts } from '../support/counts.ts'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { local } from '../in-process/proxy-kit.ts'
import { ownHeaders, type PeerName, type PeerProxy, startPeerProxies, type Understood } from './peer-proxies.ts'

interface ValidRequest {
  /** Requests on the connection, 1 where it is not said. */
  readonly count: number
  /** Servers that do not serve such a request at all; none reads another. */
  readonly refusedBy: readonly PeerName[]
}

const corpus = readCorpus<ValidRequest>('valid')

let peers: readonly PeerProxy[] = []
let origin: StrictOrigin
let strict: Doors
const doors = new Map<PeerProxy, Doors>()
let agreed = 0
let folder = ''

beforeAll(async () => {
  origin = await startStrictOrigin()
  strict = await openDoors(origin.origin.target)
  folder = mkdtempSync(join(tmpdir(), 'sallyport-peers-'))
  peers = await startPeerProxies(folder)
  for (const peer of peers) doors.set(peer, await openDoors(local(peer.port)))
})

afterAll(async () => {
  await strict.close()
  origin.origin.close()
  for (const opened of doors.values()) await opened.close()
  for (const peer of peers) await peer.stop()
  rmSync(folder, { recursive: true, force: true })
  tellCounts(
    `interop: ${agreed} of ${corpus.length} valid requests read alike by ${peers.map(({ name }) => name).join(', ')} and a strict reader`,
  )
})

it('there are at least 150 requests, each of its own', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(150)
  expect(new Set(corpus.map(({ bytes }) => bytes)).size).toBe(corpus.length)
})

it('Envoy takes part', ({ skip }) => {
  if (!findEnvoy() && process.env.CI !== 'true') skip(noEnvoy)
  expect(peers.map(({ name }) => name)).toEqual(['nginx', 'haproxy', 'envoy'])
})

for (const [name, entries] of byClass(corpus)) {
  describe(`${name} (${entries[0]?.why})`, () => {
    it.each(entries)('$name', async (entry) => {
      const { count = 1 } = entry
      expect(await answersThrough(strict.all[0], entry)).toEqual(Array.from({ length: count }, () => 200))
      const { requests, problems } = await origin.take()
      expect(problems).toEqual([])
      const wanted = requests.map(
        ({ method, target, headers, body }): Understood => ({
          method,
          target,
          host: headers.get('host') ?? '',
          headers: ownHeaders(headers),
          body: digest(body),
        }),
      )
      expect(wanted).toHaveLength(count)
      for (const result of await Promise.all(peers.map((peer) => readBy(peer, entry)))) {
        expect(result.requests, result.name).toEqual(result.isRefused ? [] : wanted)
        if (!result.isRefused) expect(result.statuses, result.name).toEqual(Array.from({ length: count }, () => 200))
      }
      agreed++
    })
  })
}

interface Reading {
  readonly name: PeerName
  readonly isRefused: boolean
  readonly statuses: readonly number[]
  readonly requests: readonly Understood[]
}

async function readBy(peer: PeerProxy, entry: Entry<ValidRequest>): Promise<Reading> {
  const statuses = await answersThrough(doors.get(peer)?.all[0], entry)
  return { name: peer.name, isRefused: entry.refusedBy?.includes(peer.name) ?? false, statuses, requests: peer.take() }
}

/** The final statuses that a client gets for what it sends on one connection. */
async function answersThrough(door: Door | undefined, entry: Entry<ValidRequest>): Promise<readonly number[]> {
  if (!door) throw new Error('the way in is not open')
  const client = await dialDoor(door)
  await sendIn(client, entry.bytes, 16_384)
  client.socket.end()
  await promptly(() => client.ended || client.closed, 'the end of the answers')
  client.socket.destroy()
  const methods = Array.from(entry.bytes.matchAll(/^([A-Z-]+) \S+ HTTP\/1\.1\r$/gm), ([, method = '']) => method)
  const { messages, rest, problem } = readResponses(client.text, methods)
  expect([rest, problem]).toEqual(['', undefined])
  return messages.map(({ status }) => status).filter((status) => status >= 200)
}

function digest(body: string): string {
  const bytes = Buffer.from(body, 'latin1')
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`
}
