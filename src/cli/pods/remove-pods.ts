// `sallyport rm`: deletes Pods, and waits until they are gone.
import { SallyportError } from '../../base/index.ts'
import type { ApiClient } from '../../client/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { textOf, UsageError, type Values } from '../values.ts'
import { podPath } from './pod-path.ts'

const lookMs = 200
/** Longer than any Pod is given. */
const mostMs = 600_000

export async function removePods(names: readonly string[], values: Values): Promise<number> {
  const grace = textOf(values, 'gracePeriod')
  if (grace !== undefined && !/^\d{1,6}$/.test(grace)) throw new UsageError('SLP0002', `--grace-period "${grace}" is no number of seconds`)
  await withServer(values, async (api) => {
    for (const name of names) {
      const path = podPath(name, values)
      const body = grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }
      const uid = uidOf(await api.find(path))
      await api.ask({ method: 'DELETE', path, body })
      await untilGone(api, path, uid)
      process.stdout.write(`pod "${name}" deleted\n`)
    }
  })
  return exitCodes.ok
}

async function untilGone(api: ApiClient, path: string, uid: unknown): Promise<void> {
  const end = performance.now() + mostMs
  for (;;) {
    const found = await api.find(path)
    if (found === undefined || uidOf(found) !== uid) return
    if (performance.now() > end) throw new SallyportError('SLP0003', `${path} is still there`)
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

function uidOf(pod: Readonly<Record<string, unknown>> | undefined): unknown {
  const metadata = pod?.['metadata']
  return typeof metadata === 'object' && metadata !== null && 'uid' in metadata ? metadata.uid : undefined
}
