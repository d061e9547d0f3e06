// Runs all fuzzers one after the other, each on all processors, and reports what they ran; a finding joins the corpus and fails the run.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { addToCorpus, corpusPath, escapeInput } from './corpus.ts'
import { targets } from './targets.ts'
import { shownBytes, slots, type WorkerOrder, type WorkerReport } from './worker-order.ts'

const usage = `usage: make fuzz
  FUZZ_SECONDS=60       how long each fuzzer runs
  FUZZ_EXECUTIONS=N     runs each until it has done N, instead
  FUZZ_TARGETS=a,b      only these: ${targets.map((target) => target.name).join(', ')}
  FUZZ_SEED=N           repeats a run
  FUZZ_KEEP=1           adds short inputs that the parser treated in a new way to the corpus
`

const seconds = numberOf('FUZZ_SECONDS', 60)
const executions = numberOf('FUZZ_EXECUTIONS', 0)
const seed = numberOf('FUZZ_SEED', Date.now() % 0xffff_ffff)
const names = (process.env.FUZZ_TARGETS ?? targets.map((target) => target.name).join(',')).split(',')
const threads = availableParallelism()
/** One input that takes longer than this has caught the parser in a loop; a machine that is busy is given time. */
const STUCK_MS = 30_000
/** What a parser may keep beyond what it started with; inputs have a few kilobytes. */
const MOST_GROWTH = 512 * 1024 * 1024

process.stdout.write(`seed ${seed}, ${threads} threads\n`)
let failed = false
for (const name of names) if (!(await runTarget(name))) failed = true
process.exitCode = failed ? 1 : 0

function numberOf(variable: string, otherwise: number): number {
  const value = Number(process.env[variable] || otherwise)
  if (Number.isInteger(value) && value >= 0) return value
  process.stderr.write(`${variable} is not a number\n${usage}`)
  process.exit(2)
}

/** False: something was found. */
async function runTarget(name: string): Promise<boolean> {
  if (!targets.some((target) => target.name === name)) {
    process.stderr.write(`no fuzzer is called ${name}\n${usage}`)
    process.exit(2)
  }
  const started = Date.now()
  const memory = process.memoryUsage().rss
  const reports = await Promise.all(Array.from({ length: threads }, (_, index) => runThread(name, index)))
  const total = reports.reduce((sum, report) => sum + report.executions, 0)
  const elapsed = (Date.now() - started) / 1000
  const labels = Math.max(...reports.map((report) => report.labels))
  const growth = process.memoryUsage().rss - memory
  process.stdout.write(
    `${name}: ${total} executions in ${elapsed.toFixed(1)} s, ${labels} outcomes, ${Math.round(growth / 1e6)} MB grown\n`,
  )
  if (process.env.FUZZ_KEEP === '1') keep(name, reports)
  const findings = reports.flatMap((report) => report.finding ?? [])
  for (const { input, words } of findings) {
    const bytes = Buffer.from(input, 'latin1')
    addToCorpus(name, [bytes], words)
    process.stdout.write(`${name}: FOUND ${words}\n  ${escapeInput(bytes).slice(0, 2000)}\n  it is kept in ${corpusPath(name)}\n`)
  }
  if (growth > MOST_GROWTH) process.stdout.write(`${name}: FOUND that memory grows\n`)
  return findings.length === 0 && growth <= MOST_GROWTH
}

function keep(name: string, reports: readonly WorkerReport[]): void {
  const [first] = reports
  const inputs = (first?.discovered ?? []).filter((input) => input.length <= 160).slice(0, 40)
  const bytes = inputs.map((input) => Buffer.from(input, 'latin1'))
  if (bytes.length > 0) addToCorpus(name, bytes, 'found by fuzzing, each treated in a way of its own')
}

function runThread(name: string, index: number): Promise<WorkerReport> {
  const shared = new SharedArrayBuffer(slots * 4 + shownBytes)
  const order: WorkerOrder = {
    name,
    seed: (seed + index * 7919) >>> 0,
    milliseconds: seconds * 1000,
    executions: Math.ceil(executions / threads),
    shared,
  }
  const worker = new Worker(join(import.meta.dirname, 'fuzz-worker.js'), { workerData: order })
  return new Promise((resolve, reject) => {
    const watch = watchFor(shared, (executed, input) => {
      void worker.terminate()
      resolve({ executions: executed, labels: 0, discovered: [], finding: { input, words: `one input took more than ${STUCK_MS} ms` } })
    })
    worker.once('message', (report: WorkerReport) => {
      clearInterval(watch)
      resolve(report)
    })
    worker.once('error', (error) => {
      clearInterval(watch)
      reject(error)
    })
  })
}

/** Looks whether the count moves. */
function watchFor(shared: SharedArrayBuffer, onStuck: (executed: number, input: string) => void): NodeJS.Timeout {
  const counts = new Int32Array(shared, 0, slots)
  let last = -1
  let since = Date.now()
  const watch = setInterval(() => {
    const count = Atomics.load(counts, 0)
    if (count !== last) {
      last = count
      since = Date.now()
    } else if (Date.now() - since > STUCK_MS) {
      clearInterval(watch)
      onStuck(count, Buffer.from(new Uint8Array(shared, slots * 4, counts[1])).toString('latin1'))
    }
  }, 1000)
  return watch
}
