// Reads the recorded scenarios, and judges a played probe in their terms.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addresses } from '../support/outside-plan.ts'
import type { Probe, ProbeReport, ProbeResult } from '../support/probe.ts'
import type { Seen } from '../support/seen.ts'

export type WorkloadName = 'w1' | 'w2'

export interface WorkloadPlan {
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** A probe as it was recorded: played by the first workload, unless it says otherwise. */
export type RecordedProbe = Probe & { readonly from?: WorkloadName; readonly slack?: number; readonly pauseMs?: number }

/** From here on another set of declarations holds. */
export interface Apply {
  readonly id: string
  readonly kind: 'apply'
  readonly input: string
  readonly mesh?: unknown
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** MeshConfig, as JSON. */
  readonly mesh: unknown
  readonly workloads: Readonly<Partial<Record<WorkloadName, WorkloadPlan>>>
  readonly probes: readonly (RecordedProbe | Apply)[]
  readonly golden: Readonly<Record<string, Judgement>>
  /** The declarations were refused whole, with these words. */
  readonly rejected: string | undefined
  /** Declarations by the name of their file. */
  readonly text: (file: string) => string
}

/** Of one play: `outcome`, `status`, sockets in address order. Of many: how often each answer came and each socket was reached. */
export interface Judgement {
  readonly outcome?: string
  readonly status?: number
  readonly statuses?: readonly number[]
  readonly answers?: Readonly<Record<string, number>>
  readonly via: readonly string[]
  readonly reached: readonly string[] | Readonly<Record<string, number>>
}

const folder = join(import.meta.dirname, 'testdata')

export function readScenarios(): Scenario[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => readScenario(name))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

function readScenario(name: string): Scenario {
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  const {
    title,
    mesh,
    workloads = { w1: {} },
    probes,
  } = JSON.parse(read('probes.json')) as Partial<Scenario> & Pick<Scenario, 'title' | 'mesh' | 'probes'>
  const { rejected, ...golden } = JSON.parse(read('golden.json')) as Record<string, Judgement> & { rejected?: string }
  const common = readFileSync(join(folder, 'common.yaml'), 'utf8')
  return { name, title, mesh, workloads, probes, golden: judgements(golden), rejected, text: (file) => `${common}\n---\n${read(file)}` }
}

/** The recordings also hold what Envoy logged, which no other engine is held to. */
function judgements(golden: Readonly<Record<string, Judgement>>): Record<string, Judgement> {
  const pick = ({ outcome, status, statuses, answers, via, reached }: Judgement): Judgement => ({
    ...(outcome !== undefined && { outcome }),
    ...(status !== undefined && { status }),
    ...(statuses !== undefined && { statuses }),
    ...(answers !== undefined && { answers }),
    via,
    reached,
  })
  return Object.fromEntries(Object.entries(golden).map(([id, one]) => [id, pick(one)]))
}

/** `seen`: what the outside saw since the probe began. */
export function judge(report: ProbeReport, seen: readonly Seen[]): Judgement {
  const met = seen.flatMap((each) => ('local' in each && 'peer' in each && !each.proto.endsWith('-error') ? [each] : []))
  if ('many' in report) {
    const answers = count(report.many.map((one) => String(one.status ?? one.outcome)))
    return { answers, via: viasOf(met.map((each) => each.peer ?? '')), reached: count(met.map((each) => each.local ?? '')) }
  }
  return judgeOne(report, met)
}

function judgeOne(report: ProbeResult, met: readonly { readonly local?: string; readonly peer?: string }[]): Judgement {
  // Redis is no server of ours: it tells the client who asked, and where.
  const isRedis = report.peer !== undefined
  const peers = isRedis ? [report.peer] : met.map((each) => each.peer)
  const reached = isRedis ? [report.local ?? ''] : met.map((each) => each.local ?? '')
  return {
    outcome: report.outcome,
    ...(report.status === undefined ? {} : { status: report.status }),
    ...(report.statuses === undefined ? {} : { statuses: report.statuses }),
    via: viasOf(peers.map((peer) => peer ?? '')),
    reached: reached.toSorted(),
  }
}

/** Counts may differ from the recorded ones by `slack`: what is drawn by lot falls differently each time. */
export function withinSlack(fresh: Judgement, recorded: Judgement, slack: number): Judgement {
  return {
    ...fresh,
    ...(fresh.answers !== undefined && recorded.answers !== undefined && { answers: near(fresh.answers, recorded.answers, slack) }),
    reached: near(fresh.reached, recorded.reached, slack),
  }
}

/** The recorded counts where the fresh ones are near enough, else the fresh ones. */
function near<T>(fresh: T, recorded: T, slack: number): T {
  if (!isCounts(fresh) || !isCounts(recorded)) return fresh
  const keys = new Set([...Object.keys(fresh), ...Object.keys(recorded)])
  const isNear = [...keys].every((key) => Math.abs((fresh[key] ?? 0) - (recorded[key] ?? 0)) <= slack)
  return isNear ? recorded : fresh
}

function isCounts(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function count(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1
  return counts
}

function viasOf(peers: readonly string[]): readonly string[] {
  return [...new Set(peers.map(viaOf))].toSorted()
}

function viaOf(peer: string): string {
  return peer === addresses.gw ? 'gateway' : peer === addresses.w1 || peer === addresses.w2 ? 'direct' : peer
}
