// Measures what a person waits for at every start, beside a bare Node in the same run, and prints it against the aims.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'

interface Case {
  readonly name: string
  readonly args: readonly string[]
  /** Aim for the median, milliseconds; undefined = for comparison only. */
  readonly aim?: number
}

interface Result {
  readonly name: string
  readonly median: number
  readonly least: number
  /** CPU of the process and its children, milliseconds per run. */
  readonly cpu: number
  readonly aim?: number
}

// A company's own certificates cost every Node more at its start than all of ours; they are no part of what is measured.
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env
const program = join(import.meta.dirname, 'bin.js')
const rounds = Number(process.env['ROUNDS'] ?? '15')
const cases: readonly Case[] = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'sallyport --help', args: [program, '--help'], aim: 150 },
  { name: 'sallyport run -- true', args: [program, 'run', '--', 'true'], aim: 450 },
]

const samples = new Map<string, { ms: number[]; cpu: number }>()
for (const { name } of cases) samples.set(name, { ms: [], cpu: 0 })
// Interleaved, so that what else the machine does falls on all of them.
for (let round = 0; round < rounds; round++) for (const one of cases) measure(one)

console.log(
  `Node ${process.version}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${rounds} interleaved rounds\n`,
)
console.log('                         median ms   least ms   CPU ms   × node   aim ms')
const results = cases.map(resultOf)
const bare = results[0]?.median ?? Number.NaN
for (const { name, median, least, cpu, aim } of results) {
  const verdict = aim === undefined ? '' : `${String(aim).padStart(8)}  ${median <= aim ? 'met' : 'missed'}`
  console.log(`${name.padEnd(24)} ${cell(median)}  ${cell(least)} ${cell(cpu)}  ${(median / bare).toFixed(1).padStart(6)} ${verdict}`)
}

function measure({ name, args }: Case): void {
  const sample = samples.get(name)
  if (sample === undefined) return
  const cpuBefore = childCpuMs()
  const began = performance.now()
  const run = spawnSync(process.execPath, [...args], { stdio: 'ignore', timeout: 30_000, env })
  sample.ms.push(performance.now() - began)
  sample.cpu += childCpuMs() - cpuBefore
  if (run.status !== 0) throw new Error(`${name} ended with ${run.status ?? run.signal ?? 'nothing'}`)
}

function resultOf({ name, aim }: Case): Result {
  const { ms, cpu } = samples.get(name) ?? { ms: [], cpu: 0 }
  const sorted = ms.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  return { name, median, least: sorted[0] ?? Number.NaN, cpu: cpu / ms.length, ...(aim === undefined ? {} : { aim }) }
}

/** CPU of all children that have been waited for: fields 16 and 17 of proc(5) stat, in ticks of 10 ms. */
function childCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * 10
}

function cell(value: number): string {
  return value.toFixed(0).padStart(9)
}
