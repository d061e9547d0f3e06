// One thread of a fuzz run: shows its input and its count in shared memory, so that a parser which never returns can be told, with what it was given.
import { parentPort, workerData } from 'node:worker_threads'
import { readCorpus } from './corpus.ts'
import { fuzz } from './engine.ts'
import { slots, type WorkerOrder, type WorkerReport } from './worker-order.ts'
import { targets } from './targets.ts'

const { name, seed, milliseconds, executions, shared } = workerData as WorkerOrder
const counts = new Int32Array(shared, 0, slots)
const shown = new Uint8Array(shared, slots * 4)

const target = targets.find((candidate) => candidate.name === name)
if (!target) throw new Error(`no fuzzer is called ${name}`)

const end = Date.now() + milliseconds
const result = await fuzz({ target, seeds: readCorpus(name), seed, goOn })
const report: WorkerReport = {
  executions: result.executions,
  labels: result.labels,
  discovered: result.discovered.map((input) => input.toString('latin1')),
  ...(result.finding && { finding: { input: result.finding.input.toString('latin1'), words: result.finding.words } }),
}
parentPort?.postMessage(report)

function goOn(count: number, input: Buffer): boolean {
  const length = Math.min(input.length, shown.length)
  shown.set(input.subarray(0, length))
  counts[1] = length
  counts[0] = count
  if (executions > 0) return count < executions
  // A look at the clock costs as much as a short input.
  return (count & 63) !== 0 || Date.now() < end
}
