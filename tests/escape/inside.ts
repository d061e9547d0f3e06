// The suite itself, in a world of its own: first without a seal, to show that the attempts work and are seen, then sealed.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Attempt, themes } from './attempt.ts'
import { policyDirectory } from './attempts/declared.ts'
import { doorPort } from './attempts/door.ts'
import { Ledger } from './judge/ledger.ts'
import { honestRequest } from './judge/origin.ts'
import { openTraces } from './judge/traces.ts'
import { attempts, planRuns, policy, type Seal, trialsOf } from './plans.ts'
import { type BatchResult, runBatch, type Stage } from './run.ts'
import { findStrays, judge, lineOf, type Phase, type Verdict } from './verdict.ts'
import { buildWorld, releaseAgentDirectory } from './world/world.ts'
import { findEnvoy } from '../support/envoy.ts'

export interface InsideOptions {
  readonly dist: string
  /** A word that is in everything this run leaves behind. */
  readonly nonce: string
  /** A layer that is switched off, to show that the suite would notice. */
  readonly without?: string
  /** Only attempts whose name has this in it. */
  readonly only?: string
  readonly log: (text: string) => void
}

export interface Totals {
  readonly attempts: number
  readonly out: number
  readonly broken: number
}

/** The machine's settings that attempts write; put back by whoever started this world, too, should it be killed. */
export function machineSettings(): readonly string[] {
  const groups = releaseAgentDirectory()
  const knobs = ['core_pattern', 'modprobe', 'domainname'].map((name) => `/proc/sys/kernel/${name}`)
  const others = ['/sys/kernel/uevent_helper', ...(groups === undefined ? [] : [`${groups}/release_agent`])]
  return [...knobs, ...others].filter((path) => existsSync(path))
}

const sealedAtOnce = 3

export async function runInside(options: InsideOptions, print: (line: string) => void): Promise<Totals> {
  const ledger = new Ledger()
  const traces = openTraces(ledger, { settings: machineSettings(), nonce: options.nonce })
  const world = await buildWorld(ledger)
  const program = join(options.dist, 'bin.js')
  const attacker = join(options.dist, 'test-attacker.js')
  const stage: Stage = { world, ledger, traces, attacker, program, log: options.log, facts: { policy } }
  mkdirSync(policyDirectory, { recursive: true })
  writeFileSync(join(policyDirectory, 'allowed.yaml'), policy)
  try {
    return await tryAll(stage, options, print)
  } finally {
    traces.close()
    world.close()
  }
}

async function tryAll(stage: Stage, options: InsideOptions, print: (line: string) => void): Promise<Totals> {
  const chosen = attempts.filter((attempt) => isChosen(attempt, options))
  // Nothing that is left over from the first phase may look like something of the second.
  const open = trialsOf(chosen, { nonce: `${options.nonce}o`, offset: 0 })
  const sealed = trialsOf(chosen, { nonce: `${options.nonce}s`, offset: 512 })
  const first = options.without === undefined ? { trials: open, result: await runOpen(stage, open) } : undefined
  stage.world.restore()
  const before = stage.world.state()
  const plans = planRuns(sealed, stage.ledger, sealOf(options, stage.program))
  const second: Phase = { trials: sealed, result: await runBatch(stage, plans, sealedAtOnce) }
  const verdicts = sealed.map((_, index) => judge(first, second, index))
  printVerdicts(chosen, verdicts, print)
  const overall = [
    { name: 'anything that no attempt above accounts for', found: findStrays(second) },
    { name: 'anything of the machine that is not as it was', found: difference(before, stage.world.state()) },
  ]
  for (const { name, found } of overall)
    print(lineOf(name, [`sealed: ${found.length === 0 ? 'held' : `OUT (${found.slice(0, 8).join('; ')})`}`]))
  const isShut = chosen.some(({ theme }) => theme === 'declared') && !second.result.evidence.some(({ what }) => what === honestRequest)
  if (isShut) print(lineOf(honestRequest, ['sealed: NOT REACHED, though it should be: what was held behind it shows nothing']))
  return {
    attempts: verdicts.length + overall.length,
    out: verdicts.filter((verdict) => verdict.isOut).length + overall.filter(({ found }) => found.length > 0).length,
    broken: verdicts.filter((verdict) => verdict.isBroken).length + (isShut ? 1 : 0),
  }
}

/** One after the other: without a seal they stand in each other's way. */
async function runOpen(stage: Stage, trials: Phase['trials']): Promise<BatchResult> {
  const all: BatchResult[] = []
  const plans = planRuns(trials, stage.ledger)
  // Those that only go on for a while wait most of the time.
  const lasting = plans.filter((plan) => plan.meanwhile !== undefined)
  for (const batch of [...plans.filter((plan) => plan.meanwhile === undefined).map((plan) => [plan]), lasting]) {
    all.push(await runBatch(stage, batch, batch.length))
    stage.world.restore()
  }
  return { runs: all.flatMap(({ runs }) => runs), evidence: all.flatMap(({ evidence }) => evidence) }
}

/** ENGINE=envoy: stock Envoy stands where the attacks would have to pass. */
const engine = process.env['ENGINE'] === 'envoy' ? ['--engine', 'envoy', '--envoy-path', findEnvoy()?.path ?? 'envoy'] : []

function sealOf({ without, dist }: InsideOptions, program: string): Seal {
  if (without !== undefined)
    return ({ flows, hasPolicy }) => [
      process.execPath,
      join(dist, 'escape.js'),
      '--weak',
      '--',
      without,
      flows,
      hasPolicy ? policyDirectory : '',
    ]
  return ({ flows, hasPolicy }) => [
    process.execPath,
    program,
    'run',
    '--outbound',
    'REGISTRY_ONLY',
    '--name',
    'attacker',
    '--http-proxy-port',
    String(doorPort),
    '--flows',
    flows,
    ...engine,
    ...(hasPolicy ? ['-f', policyDirectory] : []),
    '--',
  ]
}

/** What happens to a whole seal says nothing about one that lacks a layer. */
function isChosen({ name, theme }: Attempt, { only, without }: InsideOptions): boolean {
  return (only === undefined || name.includes(only)) && (without === undefined || theme !== 'lifecycle')
}

function printVerdicts(shown: readonly Attempt[], verdicts: readonly Verdict[], print: (line: string) => void): void {
  for (const [index, verdict] of verdicts.entries()) {
    const theme = shown[index]?.theme
    if (theme !== undefined && theme !== shown[index - 1]?.theme) print(`\n${themes[theme]}`)
    print(verdict.line)
  }
  print('\nAll of it')
}

function difference(before: readonly string[], after: readonly string[]): readonly string[] {
  return [...after.filter((line) => !before.includes(line)), ...before.filter((line) => !after.includes(line)).map((line) => `no ${line}`)]
}
