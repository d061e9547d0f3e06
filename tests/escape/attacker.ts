// The program that runs as the sealed command and tries to get out: carries out the attempts of a file, says what it saw, and stays until it was looked at.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Context } from './attacker/context.ts'
import { codeOf } from './attacker/network.ts'
import { carryOut, type Step } from './attacker/steps.ts'

/** What the file holds. */
export interface Orders {
  /** Whether it waits, when it is done, until it was looked at. */
  readonly stays: boolean
  readonly attempts: readonly Order[]
}

export interface Order {
  readonly id: number
  readonly token: string
  readonly serial: boolean
  readonly attack: readonly Step[]
}

// Usage: attacker.js FILE, or attacker.js --alone ORDER for one attempt whose steps change this very process.
const [, script = '', first = '', order = ''] = process.argv
const atOnce = 24
const aloneMs = 4000
/** However long the judge takes; nobody waits for ever. */
const longestStay = 20_000

const closers: (() => void)[] = []

if (first === '--alone') await attackAlone(JSON.parse(order))
else await attack(JSON.parse(readFileSync(first, 'utf8')))

async function attack(orders: Orders): Promise<void> {
  const beside = orders.attempts.filter((attempt) => !attempt.serial)
  await Promise.all(Array.from({ length: atOnce }, () => workOff(beside)))
  await workOff(orders.attempts.filter((attempt) => attempt.serial))
  tell({ ready: true })
  if (orders.stays) await untilLookedAt()
  for (const close of closers) close()
  process.exit(0)
}

/** Several of these share one list. */
async function workOff(attempts: Order[]): Promise<void> {
  for (let next = attempts.shift(); next !== undefined; next = attempts.shift()) {
    const started = Date.now()
    tell({ id: next.id, said: await tryIt(next), ms: Date.now() - started })
  }
}

async function tryIt({ id, token, attack: steps }: Order): Promise<string> {
  const context: Context = { id, token, hold: (close) => closers.push(close) }
  const said: string[] = []
  for (const step of steps)
    said.push(step.do === 'alone' ? await alone({ id, token, serial: false, attack: step.steps }) : await safely(step, context))
  return said.join(' → ')
}

async function safely(step: Exclude<Step, { do: 'alone' }>, context: Context): Promise<string> {
  try {
    return await carryOut(step, context)
  } catch (error) {
    return codeOf(error)
  }
}

/** The other process stays, too, until it is told to go by the end of its input. */
function alone(attempt: Order): Promise<string> {
  const child = spawn(process.execPath, [script, '--alone', JSON.stringify(attempt)], { stdio: ['pipe', 'pipe', 'ignore'] })
  closers.push(() => child.kill('SIGKILL'))
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve('no word from it'), aloneMs)
    const finish = (said: string): void => {
      clearTimeout(limit)
      resolve(said)
    }
    createInterface(child.stdout).once('line', finish)
    child.once('error', (error) => finish(error.message))
    child.once('exit', (code, signal) => finish(`it ended by ${signal ?? code}`))
  })
}

async function attackAlone(attempt: Order): Promise<void> {
  process.stdout.write(`${await tryIt(attempt)}\n`)
  await untilLookedAt()
  process.exit(0)
}

function untilLookedAt(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, longestStay)
    process.stdin.once('data', resolve).once('end', resolve).once('error', resolve)
  })
}

/** On a terminal lines end as terminals have it. */
function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
