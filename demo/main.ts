// `make demo`: plays both walk-throughs for real in a world of its own and says whether every step went as expected.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEnvoy } from '../tests/support/envoy.ts'
import type { World } from '../tests/support/world.ts'
import { acts } from './acts.ts'
import { type Breakage, breakages, isBreakage } from './breakage.ts'
import { runOutsideNode } from './outside-node.ts'
import { setStage, type StageOptions } from './stage.ts'
import { playActs, type Result } from './step.ts'
import { visitWorld } from './visit.ts'

const usage = `make demo plays the two walk-throughs, HTTP and TCP, from the command line.

  node dist/demo.js           plays all steps
  node dist/demo.js --list    lists them

  ENGINE=envoy   has stock Envoy carry the traffic, as sidecar and as gateway
  KEEP=1         leaves you in a shell of its world at the end
  BREAK=WHAT     breaks a part on purpose; the demo must then fail:
${Object.entries(breakages)
  .map(([name, text]) => `                   ${name.padEnd(10)}${text}`)
  .join('\n')}
`

const exitInterrupted = 130
process.exit(await main(process.argv.slice(2)))

async function main(words: readonly string[]): Promise<number> {
  const [word, ...rest] = words
  if (word === 'outside-node') return playOutside(rest)
  if (word === '--list') return listSteps()
  const breakage = process.env['BREAK'] ?? ''
  if (word !== undefined || (breakage !== '' && !isBreakage(breakage))) {
    process.stderr.write(usage)
    return word === '--help' || word === '-h' ? 0 : 2
  }
  return playDemo(isBreakage(breakage) ? breakage : undefined, engineOptions())
}

async function playOutside([logFolder = '', certificateFolder = '', web = '']: readonly string[]): Promise<number> {
  await runOutsideNode({ logFolder, certificateFolder, web: web === 'web' })
  // Until its stdin ends.
  return new Promise(() => undefined)
}

function listSteps(): number {
  for (const act of acts) for (const step of act.steps) process.stdout.write(`${step.name}: ${step.shows}\n`)
  return 0
}

/** Stock Envoy in the place of our own data plane, for both sidecar and gateway. */
function engineOptions(): readonly string[] {
  if (process.env['ENGINE'] !== 'envoy') return []
  const found = findEnvoy()
  return ['--engine', 'envoy', ...(found === undefined ? [] : ['--envoy-path', found.path])]
}

async function playDemo(breakage: Breakage | undefined, engine: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'))
  let world: World | undefined
  const cleanUp = async (): Promise<void> => {
    await world?.close()
    // What was being written there just now may need a moment to end.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
  let isInterrupted = false
  const interrupted = whenInterrupted().then(() => {
    isInterrupted = true
    return exitInterrupted
  })
  // What fails because its world vanishes is no news.
  const print = (line: string): void => {
    if (!isInterrupted) process.stdout.write(`${line}\n`)
  }
  try {
    return await Promise.race([interrupted, playAll({ folder, breakage, engine, print, onWorld: (made) => (world = made) })])
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await cleanUp()
  }
}

interface Play extends StageOptions {
  readonly print: (line: string) => void
  readonly onWorld: (world: World) => void
}

async function playAll(play: Play): Promise<number> {
  const { breakage, print } = play
  const started = performance.now()
  if (breakage !== undefined) print(`Broken on purpose: ${breakages[breakage]}.`)
  const stage = await setStage(play, play.onWorld)
  print(
    `The world stands after ${seconds(started)}: an application node, a gateway node, and outside ${stage.outside.webServer}, Redis and DNS.`,
  )
  const result = await playActs(acts, stage, print)
  if (process.env['KEEP'] === '1') await visitWorld(stage, print)
  for (const line of conclude(result, started)) print(line)
  return result.failed.length === 0 ? 0 : 1
}

/** A second signal finds the default action, so that a cleaning up that hangs can be ended too. */
function whenInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

function conclude({ failed, played }: Result, started: number): readonly string[] {
  const total = acts.reduce((sum, act) => sum + act.steps.length, 0)
  const took = `\nTook ${seconds(started)}.`
  if (failed.length === 0) return [took, `${total} of ${total} steps as expected`]
  const unplayed = total - played
  const count = `${played - failed.length} of ${total} steps as expected${unplayed === 0 ? '' : `; ${unplayed} were not played`}`
  return [took, count, `failed: ${failed.join(', ')}`]
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
