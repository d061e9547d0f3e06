// Makes the load of a measurement, outside of what is measured: reads jobs from stdin, one line of JSON each, and answers each with one line.
import { createInterface } from 'node:readline'
import { closed2 } from './h2load.ts'
import { askServer } from './api-client.ts'
import { ask, paced, pressed } from './http-client.ts'
import { ask2 } from './http2-client.ts'
import type { Done, Job } from './jobs.ts'
import { watchName } from './names.ts'
import { serveOrigin } from './origin.ts'
import { replay } from './replay.ts'
import { bulk, connections, dribble, hold, release } from './tcp-client.ts'
import { closed } from './wrk.ts'
import { holdStreams } from './xds-client.ts'

const [mode, what = '', more = ''] = process.argv.slice(2)
if (mode === 'origin') serveOrigin(Number(what))
else if (mode === 'names') await watchName(what, Number(more || '1'))
else if (mode === 'xds') await holdStreams(what, more === '' ? undefined : more)
else if (mode === 'api') await askServer(what)
else if (mode === 'replay') await replay(what)
else await serveJobs()

async function serveJobs(): Promise<void> {
  process.stdout.write('{"ready":true}\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line) as Job
    process.stdout.write(`${JSON.stringify(await run(job).catch(failed))}\n`)
  }
}

function run(job: Job): Promise<Done> {
  switch (job.job) {
    case 'ask':
      return ask(job)
    case 'ask2':
      return ask2(job)
    case 'closed2':
      return closed2(job)
    case 'closed':
      return closed(job)
    case 'paced':
      return paced(job)
    case 'pressed':
      return pressed(job)
    case 'connect':
      return connections(job)
    case 'bulk':
      return bulk(job)
    case 'hold':
      return hold(job)
    case 'dribble':
      return dribble(job)
    case 'release':
      return release()
    default:
      return job satisfies never
  }
}

function failed(error: unknown): { readonly error: string } {
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
