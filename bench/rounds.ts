// Measures several contestants in interleaved rounds, so that what else the machine does falls on all of them.
import type { Done, Job } from './load/jobs.ts'
import type { Generator } from './generator.ts'
import { cpuOf, type Program, treeOf } from './processes.ts'
import { generatorFile } from './generator.ts'
import { median, type Row, type Table } from './report.ts'

export interface Contestant {
  readonly who: string
  readonly generator: Generator
  /** Whose process trees are counted; load generators among them are left out. */
  readonly programs: readonly Program[]
  readonly job: Job
}

export interface RoundOptions {
  readonly title: string
  readonly rounds: number
  /** Nanoseconds of CPU and work that was done, to what a sample is. */
  readonly unit: string
  readonly perUnit: number
  /** What failed in a window is an error of the measurement unless it is asked for. */
  readonly mayFail?: boolean
}

const WARM_ROUNDS = 3

export async function measure(options: RoundOptions, contestants: readonly Contestant[]): Promise<Table> {
  const samples = new Map<string, { cpu: number[]; done: Done[] }>(contestants.map(({ who }) => [who, { cpu: [], done: [] }]))
  const trees = new Map(contestants.map(({ who, programs }) => [who, programs.flatMap(({ pid }) => treeOf(pid, generatorFile))]))
  // For nothing, each as long: just-in-time compilers, caches and connections are warm afterwards.
  for (let round = 0; round < WARM_ROUNDS; round++) for (const { generator, job } of contestants) await generator.run(job)
  for (let round = 0; round < options.rounds; round++) {
    for (const { who, generator, job } of contestants) {
      const pids = trees.get(who) ?? []
      const before = cpuOf(pids)
      const done = await generator.run(job)
      const cpu = cpuOf(pids) - before
      if (done.failed > 0 && !options.mayFail) throw new Error(`${who}, ${options.title}: ${JSON.stringify(done)}`)
      samples.get(who)?.cpu.push(cpu / done.done / options.perUnit)
      samples.get(who)?.done.push(done)
    }
  }
  const rows = Array.from(samples, ([who, { cpu, done }]): Row => ({ who, samples: cpu, note: noteOf(done) }))
  return { title: options.title, unit: options.unit, rows }
}

function noteOf(done: readonly Done[]): string {
  const p50 = median(done.map((each) => each.p50 ?? Number.NaN))
  const p99 = median(done.map((each) => each.p99 ?? Number.NaN))
  const rate = median(done.map((each) => each.done / each.seconds))
  const speed = rate >= 100 ? `${Math.round(rate)}/s` : `${rate.toFixed(2)} GB/s`
  return Number.isNaN(p50) ? speed : `${speed}, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
}
