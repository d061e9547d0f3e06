// Drives wrk, which asks faster than anything in JavaScript could.
import { execFile } from 'node:child_process'
import type { Done, Job } from './jobs.ts'

export function closed({ at, connections, seconds, script }: Extract<Job, { job: 'closed' }>): Promise<Done> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://${at.host}:${at.port}/`]
  return new Promise((resolve, reject) => {
    execFile('wrk', args, { timeout: (seconds + 20) * 1000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`wrk: ${stderr || error.message}`))
      else resolve(read(stdout))
    })
  })
}

function read(text: string): Done {
  const [, done = '0', seconds = '0'] = /(\d+) requests in ([\d.]+)s/.exec(text) ?? []
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  const failed = broken.reduce((sum, count) => sum + Number(count), refused)
  return { done: Number(done), failed, seconds: Number(seconds), p50: quantile(text, '50'), p99: quantile(text, '99') }
}

function quantile(text: string, percent: string): number {
  const [, value = 'NaN', unit = 'ms'] = new RegExp(`^ +${percent}% +([\\d.]+)(us|ms|s)$`, 'm').exec(text) ?? []
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? 1)
}
