// `make demo`: plays both walk-throughs for real in a world of its own and says whether every step went as expected.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEnvoy } from '../tests/support/envoy.ts'
import { findKubectl } from '../tests/support/kubectl.ts'
import type { World } from '../tests/support/world.ts'
import { acts } from './acts.ts'
import { type Breakage, breakages, isBreakage } from './breakage.ts'
import { runOutsideNode } from './outside-node.ts'
import { kubectlActs } from './kubectl/acts.ts'
import { setKubectlStage } from './kubectl/stage.ts'
import { setStage, type Stage } from './stage.ts'
import { type Act, playActs, type Result } from './step.ts'
import { visitWorld } from './visit.ts'

const usage = `make demo plays the two walk-throughs, HTTP and TCP, from the command line.

  node dist/demo.js           plays all steps
  node dist/demo.js --list    lists them
  node dist/demo.js kubectl   plays them with the commands of a cluster: kubectl, and a server that it speaks to (kubectl --list)

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
  if (word === 'kubectl') return playKubectl(rest)
  if (word === '--list') return listSteps(acts)
  const breakage = process.env['BREAK'] ?? ''
  if (word !== undefined || (breakage !== '' && !isBreakage(breakage))) {
    process.stderr.write(usage)
    return word === '--help' || word === '-h' ? 0 : 2
  }
  return playShow(walkThroughs(isBreakage(breakage) ? breakage : undefined, engineOptions()))
}

/** A stage, and what is played on it. */
interface Show<S> {
  readonly acts: readonly Act<S>[]
  set(folder: string, onWorld: (world: World) => void): Promise<S>
  /** Of the world, when it stands. */
  tells(stage: S): string
  visit(stage: S, print: (line: string) => void): Promise<void>
}

function walkThroughs(breakage: Breakage | undefined, engine: readonly string[]): Show<Stage> {
  if (breakage !== undefined) process.stdout.write(`Broken on purpose: ${breakages[breakage]}.\n`)
  return {
    acts,
    set: (folder, onWorld) => setStage({ folder, breakage, engine }, onWorld),
    tells: ({ outside }) => `an application node, a gateway node, and outside ${outside.webServer}, Redis and DNS`,
    visit: visitWorld,
  }
}

async function playKubectl([word]: readonly string[]): Promise<number> {
  if (word === '--list') return listSteps(kubectlActs)
  if (!findKubectl()) {
    process.stderr.write('demo: there is no kubectl 1.30 or newer: put one on PATH, or run tools/setup.sh kubectl\n')
    return 1
  }
  return playShow({
    acts: kubectlActs,
    set: setKubectlStage,
    tells: ({ outside }) =>
      `a server whose node runs Pods, a gateway node that has joined it, and outside ${outside.webServer}, Redis and DNS`,
    visit: () => Promise.resolve(),
  })
}

async function playOutside([logFolder = '', certificateFolder = '', web = '']: readonly string[]): Promise<number> {
  await runOutsideNode({ logFolder, certificateFolder, web: web === 'web' })
  // Until its stdin ends.
  return new Promise(() => undefined)
}

function listSteps<S>(played: readonly Act<S>[]): number {
  for (const act of played) for (const step of act.steps) process.stdout.write(`${step.name}: ${step.shows}\n`)
  return 0
}

/** Stock Envoy in the place of our own data plane, for both sidecar and gateway. */
function engineOptions(): readonly string[] {
  if (process.env['ENGINE'] !== 'envoy') return []
  const found = findEnvoy()
  return ['--engine', 'envoy', ...(found === undefined ? [] : ['--envoy-path', found.path])]
}

async function playShow<S>(show: Show<S>): Promise<number> {
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
    return await Promise.race([interrupted, playAll(show, { folder, print, onWorld: (made) => (world = made) })])
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await cleanUp()
  }
}

interface Play {
  readonly folder: string
  readonly print: (line: string) => void
  readonly onWorld: (world: World) => void
}

async function playAll<S>(show: Show<S>, { folder, print, onWorld }: Play): Promise<number> {
  const started = performance.now()
  const stage = await show.set(folder, onWorld)
  print(`The world stands after ${seconds(started)}: ${show.tells(stage)}.`)
  const result = await playActs(show.acts, stage, print)
  if (process.env['KEEP'] === '1') await show.visit(stage, print)
  const total = show.acts.reduce((sum, act) => sum + act.steps.length, 0)
  for (const line of conclude(result, total, started)) print(line)
  return result.failed.length === 0 ? 0 : 1
}

/** A second signal finds the default action, so that a cleaning up that hangs can be ended too. */
function whenInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

function conclude({ failed, played }: Result, total: number, started: number): readonly string[] {
  const took = `\nTook ${seconds(started)}.`
  if (failed.length === 0) return [took, `${total} of ${total} steps as expected`]
  const unplayed = total - played
  const count = `${played - failed.length} of ${total} steps as expected${unplayed === 0 ? '' : `; ${unplayed} were not played`}`
  return [took, count, `failed: ${failed.join(', ')}`]
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
