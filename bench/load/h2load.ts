// Drives h2load, which asks over HTTP/2 faster than anything in JavaScript could.
import { execFile } from 'node:child_process'
import { type Done, hostName, type Job, requestHeaders } from './jobs.ts'

const PATHS = 100

export function closed2({ at, connections, streams, seconds }: Extract<Job, { job: 'closed2' }>): Promise<Done> {
  const options = ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, `--connect-to=${at.host}:${at.port}`]
  const headers = Object.entries(requestHeaders).map(([name, value]) => `--header=${name}: ${value}`)
  const uris = Array.from({ length: PATHS }, (_, index) => `http://${hostName(77)}:80/api/items?id=${index}`)
  return new Promise((resolve, reject) => {
    execFile('h2load', [...options, ...headers, ...uris], { timeout: (seconds + 20) * 1000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`h2load: ${stderr || error.message}`))
      else resolve({ ...read(stdout), seconds })
    })
  })
}

function read(text: string): Pick<Done, 'done' | 'failed'> {
  const [, done = '0'] = /status codes: (\d+) 2xx/.exec(text) ?? []
  const others = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text)?.slice(1) ?? []
  const broken = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(text)?.slice(1) ?? ['1']
  const failed = [...others, ...broken].reduce((sum, count) => sum + Number(count), 0)
  // A window in which nobody was answered measures nothing.
  return { done: Number(done), failed: done === '0' ? failed + 1 : failed }
}
