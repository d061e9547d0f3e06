// `sallyport serve`: turns the command line into a configuration server and has the role started.
import { hostname } from 'node:os'
import { cidrContains, parseAddress, parseCidr, parseDuration } from '../../base/index.ts'
import type { ApiOptions, Roles } from '../roles.ts'
import { optional, policyOf, textOf, UsageError, type Values, xdsAddressOf } from '../values.ts'

export function serve(values: Values, roles: Roles): Promise<number> {
  const policy = policyOf(values)
  const xds = servedAt(values)
  const isOfFiles = policy.files.length > 0
  if (isOfFiles) refuseApiOptions(values)
  if (isOfFiles && xds === undefined) throw new UsageError('SLP0002', 'nobody is served', { fix: 'say where proxies are, with --xds' })
  return roles.serve({
    ...policy,
    ...optional(values, 'caDir'),
    ...(xds === undefined ? {} : { xds }),
    ...(isOfFiles ? {} : { api: apiOf(values) }),
    quietMs: durationOf(values, 'debounceAfter'),
    longestWaitMs: durationOf(values, 'debounceMax'),
  })
}

/** Whoever reaches the port can read what is declared, and whoever stands between can say what may leave. */
function servedAt(values: Values): string | undefined {
  const address = xdsAddressOf(values)
  if (address === undefined || isGuarded(address) || values['insecurePlaintext'] === true) return address
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

function refuseApiOptions(values: Values): void {
  for (const [name, option] of Object.entries({
    data: '--data',
    listen: '--listen',
    kubeconfigOut: '--kubeconfig-out',
    certificateTtl: '--certificate-ttl',
    node: '--node',
    images: '--images',
  }))
    if (values[name] !== undefined)
      throw new UsageError('SLP0002', `-f and ${option} exclude each other: what is declared stands in the files, or is applied to the API`)
}

function apiOf(values: Values): ApiOptions {
  const text = textOf(values, 'listen') ?? '127.0.0.1:6443'
  const [, host, port] = /^(\[[\da-f:.]+\]|[^:/\s]+):(\d{1,5})$/i.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535)
    throw new UsageError('SLP0002', `--listen "${text}" is not HOST:PORT`, { fix: 'write --listen 127.0.0.1:6443' })
  return {
    listen: { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) },
    ...optional(values, 'data', 'kubeconfigOut'),
    ...certificateOf(values),
    ...nodeOf(values),
  }
}

/** What is given away is not given for longer than usual; and less than this is no time to renew it in. */
const [LEAST_CERTIFICATE_MS, MOST_CERTIFICATE_MS] = [5000, 86_400_000]

function certificateOf(values: Values): Pick<ApiOptions, 'certificateMs'> {
  if (textOf(values, 'certificateTtl') === undefined) return {}
  const certificateMs = durationOf(values, 'certificateTtl')
  if (certificateMs >= LEAST_CERTIFICATE_MS && certificateMs <= MOST_CERTIFICATE_MS) return { certificateMs }
  throw new UsageError('SLP0002', '--certificate-ttl is between 5s and 24h', { fix: 'write --certificate-ttl 1h' })
}

function nodeOf(values: Values): Pick<ApiOptions, 'node' | 'images'> {
  const { node } = values
  if (node === undefined || node === false) {
    if (textOf(values, 'images') === undefined) return {}
    throw new UsageError('SLP0002', '--images is about Pods that are run here', { fix: 'add --node' })
  }
  const name = typeof node === 'string' ? node : hostname().toLowerCase()
  if (!/^[a-z\d]([a-z\d.-]{0,251}[a-z\d])?$/.test(name)) throw new UsageError('SLP0002', `--node "${name}" is no name of a node`)
  return { node: name, ...optional(values, 'images') }
}

function durationOf(values: Values, name: string): number {
  const text = textOf(values, name) ?? ''
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError('SLP0002', `"${text}" is not a duration`, { fix: 'write 20ms, or 1s' })
  return ms
}
