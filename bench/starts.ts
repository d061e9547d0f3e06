// Measures what a person waits for at every start, beside a bare Node in the same run.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { medianOf, type Row, type Section } from './report.ts'

interface Case {
  readonly who: string
  readonly command: readonly [string, ...string[]]
  /** Milliseconds. */
  readonly most?: number
}

// A company's own certificates cost every Node more at its start than all of ours; they are no part of what is measured.
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env
const program = join(import.meta.dirname, 'bin.js')
const cases: readonly Case[] = [
  { who: 'node -e 0', command: [process.execPath, '-e', '0'] },
  { who: 'sallyport --help', command: [program, '--help'], most: 150 },
  { who: 'sallyport run -- true', command: [program, 'run', '--', 'true'], most: 450 },
]

/** Three starts in each round. */
export function measureStarts(rounds: number): Section {
  const samples = new Map(cases.map(({ who }) => [who, { ms: [] as number[], cpu: [] as number[] }]))
  // Interleaved, so that what else the machine does falls on all of them.
  for (let round = 0; round < 3 * rounds; round++) {
    for (const one of cases) {
      const { ms, cpu } = measureOnce(one)
      samples.get(one.who)?.ms.push(ms)
      samples.get(one.who)?.cpu.push(cpu)
    }
  }
  const rows = Array.from(samples, ([who, { ms, cpu }]): Row => {
    return { who, samples: ms, note: `${(cpu.reduce((sum, each) => sum + each, 0) / cpu.length).toFixed(0)} ms of CPU` }
  })
  const table = { title: 'start to end', unit: 'ms', rows }
  return {
    title: 'Starts',
    method: `What a person waits for: wall time, ${3 * rounds} interleaved starts.`,
    tables: [table],
    aims: cases.flatMap(({ who, most }) => (most === undefined ? [] : [{ what: who, value: medianOf(table, who), most, unit: 'ms' }])),
  }
}

function measureOnce({ who, command: [file, ...args] }: Case): { readonly ms: number; readonly cpu: number } {
  const cpuBefore = childCpuMs()
  const began = performance.now()
  const run = spawnSync(file, args, { stdio: 'ignore', timeout: 30_000, env })
  if (run.status !== 0) throw new Error(`${who} ended with ${run.status ?? run.signal ?? 'nothing'}`)
  return { ms: performance.now() - began, cpu: childCpuMs() - cpuBefore }
}

/** CPU of all children that have been waited for: fields 16 and 17 of proc(5) stat, in ticks of 10 ms. */
function childCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * 10
}
