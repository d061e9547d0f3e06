// Asks each contestant before it is measured, so that all of them do the same work.
import type { Generator } from './generator.ts'
import { hostName, type Job } from './load/jobs.ts'

interface Asked {
  readonly who: string
  readonly generator: Generator
  readonly at: { readonly host: string; readonly port: number }
}

/** Every contestant gives the same answer, has told the origin the same, and refuses an unknown host. */
export async function checkAnswers({ who, generator, at }: Asked, job: Extract<Job, { readonly path: string }>['job']): Promise<void> {
  const ask = async (host: string) => (await generator.run({ job, at, host, path: '/api/items?id=7' })).answer ?? ''
  const answer = await ask(hostName(77))
  const wanted = [
    /^HTTP\/\S+ 200 /,
    /\r\nx-seen-host: h77\.bench\.example\r\n/i,
    /\r\nx-seen-request-id: [0-9a-f-]{32,36}\r\n/i,
    /\r\nx-seen-proto: http\r\n/i,
    /\r\nserver: /i,
    /\r\nx-(envoy-)?upstream-service-time: /i,
    /"uri":"\/api\/items\?id=7"\}\n$/,
  ]
  for (const pattern of wanted) if (!pattern.test(answer)) throw new Error(`${who} answers ${JSON.stringify(answer)}, without ${pattern}`)
  const unknown = await ask('unknown.bench.example')
  if (!/^HTTP\/\S+ 40[34] /.test(unknown)) throw new Error(`${who} answers for an unknown host: ${JSON.stringify(unknown)}`)
}
