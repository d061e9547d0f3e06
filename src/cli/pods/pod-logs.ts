// `sallyport logs`: what the command of a Pod has written, as the server passes it on.
import { pipeline } from 'node:stream/promises'
import { parseDuration } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { textOf, UsageError, type Values } from '../values.ts'
import { podPath } from './pod-path.ts'

export async function podLogs(name: string, values: Values): Promise<number> {
  const query = new URLSearchParams()
  if (values['follow'] === true) query.set('follow', 'true')
  if (values['timestamps'] === true) query.set('timestamps', 'true')
  for (const [option, parameter] of [
    ['tail', 'tailLines'],
    ['limitBytes', 'limitBytes'],
  ] as const) {
    const text = textOf(values, option)
    if (text !== undefined) query.set(parameter, text)
  }
  const since = textOf(values, 'since')
  const ms = since === undefined ? undefined : parseDuration(since)
  if (since !== undefined && ms === undefined)
    throw new UsageError('SLP0002', `--since "${since}" is not a duration`, { fix: 'write 30s, or 5m' })
  if (ms !== undefined) query.set('sinceSeconds', String(Math.max(1, Math.ceil(ms / 1000))))
  await withServer(values, async (api) => {
    const response = await api.open({ path: `${podPath(name, values)}/log?${query.toString()}`, accept: '*/*' })
    try {
      await pipeline(response, process.stdout, { end: false })
    } catch (error) {
      // Whoever reads this has read enough.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
    }
  })
  return exitCodes.ok
}
