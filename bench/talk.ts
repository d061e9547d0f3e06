// Starts a program that takes one line of JSON at a time and answers each with one.
import { createInterface } from 'node:readline'
import { type Program, start } from './processes.ts'

export interface Talker {
  readonly program: Program
  /** What it has said first. */
  readonly first: unknown
  readonly ask: (wish: unknown) => Promise<unknown>
}

export async function startTalker(name: string, command: readonly [string, ...string[]]): Promise<Talker> {
  const program = start(name, command, { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout } = program.child
  if (!stdin || !stdout) throw new Error(`${name} has no pipes`)
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`${name} has ended: ${program.said()}`)
    return JSON.parse(line.value)
  }
  return {
    program,
    first: await next(),
    ask(wish) {
      stdin.write(`${JSON.stringify(wish)}\n`)
      return next()
    },
  }
}
