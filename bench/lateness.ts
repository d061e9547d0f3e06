// Watches from outside how late the event loop of a program is.
import { readFileSync, writeFileSync } from 'node:fs'

const lookMs = 100
const restMs = 20

export interface Lateness {
  /** What the program imports. */
  readonly script: string
  begin(): Promise<void>
  /** By how many milliseconds the event loop was late at most since then. */
  end(): Promise<number>
}

/** They speak by a file, to which the program writes only when it is asked: a write can take longer than what is to be measured. */
export function lateness(path: string): Lateness {
  const script = `import { monitorEventLoopDelay } from 'node:perf_hooks'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const path = ${JSON.stringify(path)}
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
setInterval(() => {
  const asked = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (asked !== 'begin' && asked !== 'end') return
  writeFileSync(path, asked === 'begin' ? 'begun' : String(delay.max / 1e6 - 1))
  // What this costs is no part of it.
  setTimeout(() => delay.reset(), ${restMs}).unref()
}, ${lookMs}).unref()`
  const ask = async (text: string): Promise<string> => {
    writeFileSync(path, text)
    let said = text
    while (said === text || said === '') {
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      said = readFileSync(path, 'utf8')
    }
    return said
  }
  return {
    script: `data:text/javascript,${encodeURIComponent(script)}`,
    async begin() {
      await ask('begin')
      await new Promise((resolve) => setTimeout(resolve, 2 * restMs))
    },
    end: async () => Number(await ask('end')),
  }
}
