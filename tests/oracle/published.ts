// Tells when a node has taken over declarations: asks its admin server from within, by one process that stays there.
import { readLines } from '../support/workload.ts'
import type { WorldNode } from '../support/world.ts'

export interface Published {
  /** How often declarations were taken over. */
  readonly count: number
  /** Of the declarations that hold now. */
  readonly errors: number
}

export interface PublishedWatch {
  now(): Promise<Published>
  /** The first state with more take-overs than this. */
  after(count: number): Promise<Published>
  close(): Promise<void>
}

const readyMs = 20_000

/** Reads a number a line. A program for each question would cost more than what is asked about. */
const asking = `const { get } = require('node:http')
const ask = (over) => get(process.argv[1], (response) => {
  let text = ''
  response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => {
    const value = (pattern) => Number(pattern.exec(text)?.[1] ?? 0)
    const count = value(/^sallyport_config_published_total (\\d+)/m)
    const errors = value(/^sallyport_config_issues\\{level="error"\\} (\\d+)/m)
    if (count > over) console.log(JSON.stringify({ count, errors }))
    else setTimeout(ask, 10, over)
  })
}).on('error', () => setTimeout(ask, 20, over))
require('node:readline').createInterface(process.stdin).on('line', (line) => ask(Number(line))).on('close', () => process.exit(0))`

export function watchPublished(node: WorldNode, admin: string): PublishedWatch {
  const running = node.spawn(process.execPath, ['-e', asking, `http://${admin}/stats/prometheus`])
  const nextLine = readLines(running)
  async function after(count: number): Promise<Published> {
    running.stdin?.write(`${count}\n`)
    return JSON.parse(await nextLine(readyMs)) as Published
  }
  return {
    now: () => after(-1),
    after,
    async close() {
      running.stdin?.end()
      await running.ended
    },
  }
}
