// Asks Envoy's admin interface over its Unix socket.
import { request } from 'node:http'
import { deferred, withTimeout } from '../base/index.ts'

const asksMs = 2000
const mostBytes = 8 << 20

export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

/** Rejects when there is no answer in time. */
export function askAdmin(path: string, page: string, method: 'GET' | 'POST' = 'GET', limitMs = asksMs): Promise<AdminAnswer> {
  const answer = deferred<AdminAnswer>()
  const asking = request({ socketPath: path, path: page, method, agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      if (body.length < mostBytes) body += text
    })
    response.on('end', () => answer.resolve({ status: response.statusCode ?? 0, body }))
    response.on('error', answer.reject)
  })
  asking.on('error', answer.reject)
  asking.end()
  return withTimeout(answer.promise, limitMs, `Envoy did not answer ${page}`).finally(() => asking.destroy())
}

/** Numbers by name. */
export async function readStats(path: string, filter: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await askAdmin(path, `/stats?filter=${encodeURIComponent(filter)}`)
  const lines = body.split('\n').map((line) => line.split(': '))
  return new Map(lines.flatMap(([name, value]) => (name === undefined || value === undefined ? [] : [[name, Number(value)] as const])))
}
