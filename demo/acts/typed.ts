// What people type in the walk-throughs, curl and telnet, and what the outside and the records must then say.
import type { FlowRecord } from '../../src/flow/index.ts'
import { outsidePorts } from '../plan.ts'
import { describeRecord, type Records } from '../records.ts'
import type { Sighting } from '../sighting.ts'
import type { Stage } from '../stage.ts'
import type { Notebook } from '../step.ts'

export interface CurlAnswer {
  /** 000 when there was no answer. */
  readonly status: string
  /** What curl printed, without the status. */
  readonly text: string
}

const longestText = 1500

/** Types a curl command into the sealed shell. What came before it no longer counts as seen or recorded. */
export async function curl(stage: Stage, notebook: Notebook, command: string): Promise<CurlAnswer> {
  await forget(stage)
  notebook.did(`$ curl ${command}`)
  const output = await stage.shell().run(`curl -sS -m 10 -w '\\n[%{http_code}]\\n' ${command}`)
  const status = /\[(\d{3})\]/.exec(output)?.[1] ?? '000'
  return { status, text: output.replace(/\[\d{3}\]\n/, '').trim() }
}

export function expectAnswer(notebook: Notebook, answer: CurlAnswer, status: string, ...parts: readonly (string | RegExp)[]): void {
  const isWhole = parts.every((part) => (typeof part === 'string' ? answer.text.includes(part) : part.test(answer.text)))
  notebook.expect('curl', `${answer.status} ${answer.text.slice(0, longestText)}`, answer.status === status && isWhole)
}

/** What a talk with Redis came to. */
export interface RedisTalk {
  readonly pong: boolean
  /** Whom Redis took the client for. */
  readonly client: string | undefined
  readonly text: string
}

/** Types `telnet HOST 6379` into the sealed shell, and once connected what a person would try. */
export async function telnetRedis(stage: Stage, notebook: Notebook, host: string): Promise<RedisTalk> {
  await forget(stage)
  notebook.did(`$ telnet ${host} ${outsidePorts.redis}`)
  const dialogue = stage.shell().begin(`busybox telnet ${host} ${outsidePorts.redis}`)
  let pong = false
  if (await dialogue.waitFor('Connected')) {
    dialogue.send('PING')
    pong = await dialogue.waitFor('+PONG')
  }
  if (pong) {
    notebook.did('PING, CLIENT INFO, QUIT')
    dialogue.send('CLIENT INFO')
    await dialogue.waitFor(' addr=')
    dialogue.send('QUIT')
  }
  const text = (await dialogue.finish()).replaceAll(/^\s*\n/gm, '')
  return { pong, client: / addr=([0-9.]+):/.exec(text)?.[1], text }
}

/** Redis answered, and took whoever is named for its client. */
export async function expectRedisServed(stage: Stage, notebook: Notebook, talk: RedisTalk, peer: string): Promise<void> {
  notebook.expect('telnet', talk.pong ? '+PONG' : talk.text, talk.pong)
  notebook.expect('Redis', `CLIENT INFO says addr=${talk.client ?? '?'}`, talk.client === peer)
  await expectSeen(stage, notebook, { kind: 'redis', peer })
}

export async function expectRedisRefused(stage: Stage, notebook: Notebook, talk: RedisTalk): Promise<void> {
  notebook.expect('telnet', talk.text, !talk.pong && talk.text.includes('Connection closed by foreign host'))
  await expectNobody(stage, notebook)
}

/** Exactly one visitor came to the outside, of this kind, from this address, and to the place `at`. */
export async function expectSeen(
  stage: Pick<Stage, 'outside'>,
  notebook: Notebook,
  visitor: Pick<Sighting, 'kind' | 'peer'>,
  at = '',
): Promise<void> {
  const visits = visitsOf(await stage.outside.seen())
  const isAsExpected =
    visits.length === 1 && visits.every(({ kind, peer, what }) => kind === visitor.kind && peer === visitor.peer && what.includes(at))
  notebook.expect('outside saw', describeVisits(visits), isAsExpected)
}

export async function expectNobody(stage: Pick<Stage, 'outside'>, notebook: Notebook): Promise<void> {
  const visits = visitsOf(await stage.outside.seen())
  notebook.expect('outside saw', describeVisits(visits), visits.length === 0)
}

/** Waits for a record written since the last command and says what it holds; returns it for more questions. */
export async function expectRecord(
  records: Records,
  notebook: Notebook,
  isMeant: (record: FlowRecord) => boolean,
): Promise<FlowRecord | undefined> {
  const found = await records.find(isMeant)
  const others = records.fresh().map((record) => `; there is: ${describeRecord(record)}`)
  notebook.expect(`${records.role}'s log`, `${describeRecord(found)}${found === undefined ? others.join('') : ''}`, found !== undefined)
  return found
}

/** Puts declarations in place while everything runs; what follows happens under them. */
export async function declare(stage: Stage, notebook: Notebook, source: string, name = source): Promise<void> {
  notebook.did(`+ policy/${name}${source === name ? '' : ` := demo/declarations/${source}`}`)
  await stage.declarations.put(source, name)
}

type Wanted = Pick<FlowRecord, 'verdict' | 'path' | 'host' | 'sni' | 'protocol' | 'redialled'>

/** Asks of a record that it says all of this. */
export function isRecord(wanted: Partial<Wanted>): (record: FlowRecord) => boolean {
  const names = Object.keys(wanted) as (keyof Wanted)[]
  return (record) => names.every((name) => record[name] === wanted[name])
}

async function forget(stage: Stage): Promise<void> {
  await stage.outside.seen()
  stage.sidecar.mark()
  stage.gateway.mark()
}

/** A question to the name server is no visit to the destination. */
function visitsOf(seen: readonly Sighting[]): readonly Sighting[] {
  return seen.filter(({ kind }) => kind !== 'dns')
}

function describeVisits(visits: readonly Sighting[]): string {
  return visits.length === 0 ? 'nobody' : visits.map(({ kind, peer, what }) => `${peer} (${kind}: ${what})`).join(', ')
}
