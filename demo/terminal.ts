// Types commands into a shell on a real terminal, as a person would, and reads what it shows.
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { NodeProcess } from '../tests/support/node-process.ts'

export interface Terminal {
  /** Types a command and returns what was shown until it was done. */
  run(command: string): Promise<string>
  /** Types a command that goes on reading; `finish` waits for its end. */
  begin(command: string): Dialogue
  /** All that was shown since the terminal was opened, whoever said it. */
  shown(): string
  /** Waits until something is shown that was not there before `since`, and returns it; undefined when it does not come in time. */
  watch(pattern: RegExp, since: number): Promise<string | undefined>
  close(): Promise<void>
}

/** A program in the foreground that talks with whoever types. */
export interface Dialogue {
  send(line: string): void
  /** False when the text did not come in time, or the program ended before. */
  waitFor(text: string | RegExp): Promise<boolean>
  /** What it showed so far. */
  shown(): string
  /** Waits for the program's end and returns all that it showed. */
  finish(): Promise<string>
}

/** Milliseconds. */
export interface TerminalLimits {
  readonly command: number
  /** Of a program that is talked with. */
  readonly reply: number
}

const usualLimits: TerminalLimits = { command: 15_000, reply: 4000 }
const watchMs = 4000
const pollMs = 5

/** `running` is a shell under `script`, whose terminal's other end is our pipe. */
export async function openTerminal(running: NodeProcess, limits = usualLimits): Promise<Terminal> {
  let count = 0
  // Nothing typed holds the marker as it is printed: what the terminal echoes is never mistaken for the end of a command.
  const marked = (command: string, name: string): string => `${command}; printf '<%s>\\n' ${name}\n`
  const shown = (): string => stripVTControlCharacters(running.stdout()).replaceAll('\r', '')
  const type = (text: string): void => void running.stdin?.write(text)

  async function waitFor(found: () => boolean, limitMs: number): Promise<boolean> {
    const deadline = performance.now() + limitMs
    while (!found()) {
      if (running.hasEnded || performance.now() > deadline) return found()
      await sleep(pollMs)
    }
    return true
  }

  function begin(command: string): Dialogue {
    const start = shown().length
    const marker = `end-${(count += 1)}`
    const since = (): string => shown().slice(start)
    type(marked(command, marker))
    return {
      send: (line) => type(`${line}\n`),
      async waitFor(text) {
        const isThere = (): boolean => (typeof text === 'string' ? since().includes(text) : text.test(since()))
        await waitFor(() => isThere() || since().includes(`<${marker}>`), limits.reply)
        return isThere()
      },
      shown: since,
      async finish() {
        if (!(await waitFor(() => since().includes(`<${marker}>`), limits.command)))
          throw new Error(`"${command}" did not end within ${limits.command} ms; the terminal shows:\n${since()}`)
        return since().replace(`<${marker}>\n`, '')
      },
    }
  }

  type(marked("stty -echo; PS1=''; PS2=''", 'open'))
  if (!(await waitFor(() => shown().includes('<open>'), limits.command)))
    throw new Error(`the shell does not start:\n${shown()}${running.stderr()}`)
  return {
    run: (command) => begin(command).finish(),
    begin,
    shown,
    async watch(pattern, since) {
      await waitFor(() => pattern.test(shown().slice(since)), watchMs)
      return pattern.exec(shown().slice(since))?.[0]
    },
    async close() {
      type('exit\n')
      await Promise.race([running.ended, sleep(limits.command, undefined, { ref: false })])
      running.signal('SIGKILL')
      await running.ended
    },
  }
}
