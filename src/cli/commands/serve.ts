// `sallyport serve`: turns the command line into a configuration server and has the role started.
import { parseDuration } from '../../base/index.ts'
import type { Roles } from '../roles.ts'
import { optional, policyOf, textOf, UsageError, type Values, xdsAddressOf } from '../values.ts'

export function serve(values: Values, roles: Roles): Promise<number> {
  const policy = policyOf(values)
  if (policy.files.length === 0) throw new UsageError('SLP0002', 'nothing to serve', { fix: 'name files or directories with -f' })
  return roles.serve({
    ...policy,
    xds: xdsAddressOf(values) ?? '',
    ...optional(values, 'caDir'),
    quietMs: durationOf(values, 'debounceAfter'),
    longestWaitMs: durationOf(values, 'debounceMax'),
  })
}

function durationOf(values: Values, name: string): number {
  const text = textOf(values, name) ?? ''
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError('SLP0002', `"${text}" is not a duration`, { fix: 'write 20ms, or 1s' })
  return ms
}
