// Reads the recorded scenarios, and judges a played probe in their terms.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addresses } from '../support/outside-plan.ts'
import type { Probe, ProbeReport } from '../support/probe.ts'
import type { Seen } from '../support/seen.ts'

export interface Scenario {
  readonly name: string
  readonly title: string
  /** MeshConfig, as JSON. */
  readonly mesh: unknown
  readonly probes: readonly Probe[]
  readonly golden: Readonly<Record<string, Judgement>>
  /** Files of declarations. */
  readonly inputs: readonly string[]
}

export interface Judgement {
  readonly outcome: string
  readonly status?: number
  readonly via: readonly string[]
  readonly reached: readonly string[]
}

const folder = join(import.meta.dirname, 'scenarios')

export function readScenarios(): Scenario[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => readScenario(name))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

function readScenario(name: string): Scenario {
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  const { title, mesh, probes } = JSON.parse(read('probes.json')) as Pick<Scenario, 'title' | 'mesh' | 'probes'>
  const golden = JSON.parse(read('golden.json')) as Scenario['golden']
  return { name, title, mesh, probes, golden, inputs: [join(folder, 'common.yaml'), join(folder, name, 'input.yaml')] }
}

/** `seen`: what the outside saw since the probe began. */
export function judge(report: ProbeReport, seen: readonly Seen[]): Judgement {
  if ('many' in report) throw new Error('probes with a count are not judged here')
  const met = seen.flatMap((each) => ('local' in each && 'peer' in each && !each.proto.endsWith('-error') ? [each] : []))
  // Redis is no server of ours: it tells the client who asked, and where.
  const isRedis = report.peer !== undefined
  const peers = isRedis ? [report.peer] : met.map((each) => each.peer)
  const reached = isRedis ? [report.local ?? ''] : met.map((each) => each.local ?? '')
  return {
    outcome: report.outcome,
    ...(report.status === undefined ? {} : { status: report.status }),
    via: [...new Set(peers.map((peer) => viaOf(peer ?? '')))].toSorted(),
    reached: reached.toSorted(),
  }
}

function viaOf(peer: string): string {
  return peer === addresses.gw ? 'gateway' : peer === addresses.w1 || peer === addresses.w2 ? 'direct' : peer
}
