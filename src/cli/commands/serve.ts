// `sallyport serve`: turns the command line into a configuration server and has the role started.
import { cidrContains, parseAddress, parseCidr, parseDuration } from '../../base/index.ts'
import type { Roles } from '../roles.ts'
import { optional, policyOf, textOf, UsageError, type Values, xdsAddressOf } from '../values.ts'

export function serve(values: Values, roles: Roles): Promise<number> {
  const policy = policyOf(values)
  if (policy.files.length === 0) throw new UsageError('SLP0002', 'nothing to serve', { fix: 'name files or directories with -f' })
  return roles.serve({
    ...policy,
    xds: servedAt(values),
    ...optional(values, 'caDir'),
    quietMs: durationOf(values, 'debounceAfter'),
    longestWaitMs: durationOf(values, 'debounceMax'),
  })
}

/** Whoever reaches the port can read what is declared, and whoever stands between can say what may leave. */
function servedAt(values: Values): string {
  const address = xdsAddressOf(values) ?? ''
  if (isGuarded(address) || values['insecurePlaintext'] === true) return address
  throw new UsageError(
    'SLP0002',
    `--xds ${address} is not loopback, and what is served there is neither encrypted nor does it ask who reads it`,
    {
      fix: 'name a Unix socket or 127.0.0.1:PORT, or say --insecure-plaintext where the network is trusted',
    },
  )
}

function isGuarded(address: string): boolean {
  if (/^(\/|unix:|localhost:)/.test(address)) return true
  const ip = parseAddress(address)?.ip
  return ip !== undefined && loopback.some((cidr) => cidr !== undefined && cidrContains(cidr, ip))
}

const loopback = [parseCidr('127.0.0.0/8'), parseCidr('::1')]

function durationOf(values: Values, name: string): number {
  const text = textOf(values, name) ?? ''
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError('SLP0002', `"${text}" is not a duration`, { fix: 'write 20ms, or 1s' })
  return ms
}
