// Holds one load generator, outside or inside the seal, and gives it one job after the other.
import { join } from 'node:path'
import type { Done, Job } from './load/jobs.ts'
import type { Program } from './processes.ts'
import { startTalker } from './talk.ts'

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
  const { program, ask } = await startTalker(name, command)
  return {
    program,
    async run(job) {
      const answer = await ask(job)
      if (!isDone(answer)) throw new Error(`${name}, ${job.job}: ${JSON.stringify(answer)}`)
      return answer
    },
  }
}

function isDone(answer: unknown): answer is Done {
  return typeof answer === 'object' && answer !== null && 'done' in answer
}
