// Watches from outside how late the event loop of a program is.

/** Keeps in a file by how many milliseconds the event loop was late at most since somebody wrote `again` there. */
export function lateness(path: string): string {
  const script = `import { monitorEventLoopDelay } from 'node:perf_hooks'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const path = ${JSON.stringify(path)}
const delay = monitorEventLoopDelay({ resolution: 1 })
let most = 0
delay.enable()
setInterval(() => {
  const isBegun = existsSync(path) && readFileSync(path, 'utf8') === 'again'
  most = isBegun ? 0 : Math.max(most, delay.max / 1e6 - 1)
  delay.reset()
  writeFileSync(path, String(most))
}, 100).unref()`
  return `data:text/javascript,${encodeURIComponent(script)}`
}
