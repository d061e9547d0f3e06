// Holds one load generator, outside or inside the seal, and gives it one job after the other.
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { Done, Job } from './load/jobs.ts'
import { type Program, start } from './processes.ts'

/** The file by whose name a generator is left out of what is measured. */
export const generatorFile = 'bench-load.js'
export const generatorPath = join(import.meta.dirname, generatorFile)

export interface Generator {
  readonly program: Program
  run(job: Job): Promise<Done>
}

/** `prefix` is a command line that runs what follows it, such as `sallyport run … --`. */
export async function startGenerator(name: string, prefix: readonly [string, ...string[]] | readonly [] = []): Promise<Generator> {
  const own = [process.execPath, generatorPath, 'jobs'] as const
  const [first, ...rest] = prefix
  const command: [string, ...string[]] = first === undefined ? [...own] : [first, ...rest, ...own]
  const program = start(name, command, { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout } = program.child
  if (!stdin || !stdout) throw new Error(`${name} has no pipes`)
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`${name} has ended: ${program.said()}`)
    return JSON.parse(line.value)
  }
  await next()
  return {
    program,
    async run(job) {
      stdin.write(`${JSON.stringify(job)}\n`)
      const answer = await next()
      if (!isDone(answer)) throw new Error(`${name}, ${job.job}: ${JSON.stringify(answer)}`)
      return answer
    },
  }
}

function isDone(answer: unknown): answer is Done {
  return typeof answer === 'object' && answer !== null && 'done' in answer
}
