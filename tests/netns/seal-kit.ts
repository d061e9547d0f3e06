// Runs sealed commands for tests, as root and as an ordinary user, with everything that the driver and the command said.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { build } from 'esbuild'
import type { Refusal, SelfTestReport } from '../../src/seal/index.ts'
import type { ExecOutcome, TestOrder } from './exec-orders.ts'
import type { DriverOrder } from './seal-driver.ts'

const root = resolve(import.meta.dirname, '../..')
/** In the project, so that koffi is found from there; readable by everybody, as the ordinary user has to run it. */
const directory = join(root, '.cache', 'seal-tests')
export const driver = join(directory, 'seal-driver.js')

export interface Identity {
  readonly name: string
  readonly uid: number
  /** Put before a command to run it as this user. */
  readonly prefix: readonly string[]
}

const nobody: Identity = {
  name: 'an ordinary user',
  uid: 65534,
  prefix: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'],
}
const caller: Identity = { name: process.getuid?.() === 0 ? 'root' : 'the caller', uid: process.getuid?.() ?? 0, prefix: [] }

/** Both ways to make a seal where the tests run as root, as they do in CI; else the one that is possible. */
export const identities: readonly Identity[] = caller.uid === 0 ? [caller, nobody] : [caller]

export async function buildDriver(): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const path of [join(root, '.cache'), directory]) chmodSync(path, 0o755)
  await build({
    absWorkingDir: root,
    entryPoints: [
      { in: 'tests/netns/seal-driver.ts', out: 'seal-driver' },
      { in: 'src/seal/entry.ts', out: 'seal-entry' },
      { in: 'tests/escape/weak-entry.ts', out: 'seal-entry-without' },
    ],
    outdir: directory,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi'],
    logLevel: 'warning',
  })
}

/** One line of descriptor 3. */
export interface Event {
  readonly note?: string
  readonly refused?: readonly Refusal[]
  readonly connection?: string
  readonly question?: string
  readonly report?: SelfTestReport
  readonly error?: string
  readonly opened?: boolean
  readonly started?: boolean
  readonly exec?: ExecOutcome
}

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly events: readonly Event[]
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** The text so far on standard output. */
  readonly stdout: () => string
  readonly events: () => readonly Event[]
  /** Starts something beside the command, and waits for its end. Needs an order with `takesOrders`. */
  readonly exec: (order: Omit<TestOrder, 'id'>) => Promise<ExecOutcome>
}

export interface SealedOptions {
  readonly identity?: Identity
  readonly order?: DriverOrder
  readonly cwd?: string
  readonly input?: string
  /** Put around the driver: another namespace, a terminal. */
  readonly wrap?: readonly string[]
}

const limit = 40_000

export function start(
  command: readonly string[],
  { identity = caller, order = {}, cwd = '/', input, wrap = [] }: SealedOptions = {},
): Running {
  const line = [...identity.prefix, ...wrap, process.execPath, driver, JSON.stringify({ command, ...order })]
  const [program = '', ...args] = line
  const env = { PATH: process.env['PATH'], HOME: '/tmp', LANG: 'C', TERM: 'xterm', PS1: '$ ' }
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'], timeout: limit, killSignal: 'SIGKILL' })
  const texts = [child.stdout, child.stderr, child.stdio[3]].map((stream) =>
    collect(stream instanceof Object && 'setEncoding' in stream ? stream : undefined),
  )
  child.stdin?.on('error', () => undefined)
  if (input !== undefined) child.stdin?.end(input)
  const text = (index: number) => texts[index]?.() ?? ''
  const events = () =>
    text(2)
      .split('\n')
      .filter((part) => part.endsWith('}'))
      .map((part): Event => JSON.parse(part))
  const ended = new Promise<Outcome>((done) => {
    child.on('close', (code, signal) => done({ code, signal, stdout: text(0), stderr: text(1), events: events() }))
  })
  return { child, ended, stdout: () => text(0), events, exec: (order) => execInside(child, events, order) }
}

let nextOrder = 1

async function execInside(child: ChildProcess, events: () => readonly Event[], order: Omit<TestOrder, 'id'>): Promise<ExecOutcome> {
  const id = nextOrder++
  const orders = child.stdio[4]
  if (orders && 'write' in orders) orders.write(`${JSON.stringify({ id, ...order })}\n`)
  const outcome = () => events().find((event) => event.exec?.id === id)?.exec
  await until(`${order.argv.join(' ')} has ended`, () => outcome() !== undefined, 30_000)
  return outcome() ?? { id, exitCode: -1, stdout: '', stderr: '', failure: 'no outcome' }
}

export function sealed(command: readonly string[], options: SealedOptions = {}): Promise<Outcome> {
  return start(command, { input: '', ...options }).ended
}

/** A workload that does not depend on which programs the machine has. */
export function script(source: string): readonly string[] {
  return [process.execPath, '--input-type=module', '-e', source]
}

export async function until(what: string, isTrue: () => boolean, milliseconds = 10_000): Promise<void> {
  const end = Date.now() + milliseconds
  while (!isTrue()) {
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms in vain: ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

function collect(stream: Readable | undefined): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}
