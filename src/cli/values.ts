// Turns option values into typed options, with errors that say what was expected.
import { parseHostname, SallyportError } from '../base/index.ts'
import type { JoinOptions, PolicyOptions, ProxyOptions } from './roles.ts'

/** Option values by name, as the command line parser gives them. */
export type Values = Readonly<Record<string, unknown>>

/** An option that is used wrongly: exit code 2 (125 under `run`). */
export class UsageError extends SallyportError {
  readonly exitCode: number = 2
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

export function listOf(values: Values, name: string): readonly string[] {
  const value = values[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

export function labelsOf(values: Values): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const pair of listOf(values, 'label')) {
    const at = pair.indexOf('=')
    if (at <= 0) throw new UsageError('SLP0002', `label "${pair}" is not of the form key=value`, { fix: 'write -l app=client' })
    labels[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return labels
}

export function policyOf(values: Values): PolicyOptions {
  const outbound = textOf(values, 'outbound')
  const strictness = textOf(values, 'strictness')
  return {
    files: listOf(values, 'filename'),
    ...(outbound === 'REGISTRY_ONLY' || outbound === 'ALLOW_ANY' ? { outbound } : {}),
    ...(strictness === 'strict' || strictness === 'istio' ? { strictness } : {}),
  }
}

export function proxyOf(values: Values, name: string, usualAccount: string): ProxyOptions {
  const serviceAccount = textOf(values, 'sa') ?? usualAccount
  const namespace = textOf(values, 'namespace') ?? 'default'
  for (const [what, label] of [
    ['namespace', namespace],
    ['name', name],
    ['service account', serviceAccount],
  ] as const)
    if (parseHostname(label) === undefined)
      throw new UsageError('SLP0002', `${what} "${label}" is not a DNS label`, {
        fix: `choose a ${what} of lower-case letters, digits and hyphens`,
      })
  return {
    ...policyOf(values),
    namespace,
    name,
    labels: labelsOf(values),
    serviceAccount,
    engine: textOf(values, 'engine') === 'envoy' ? 'envoy' : 'sallyport',
    ...optional(values, 'resolver', 'flows', 'accessLog', 'admin', 'stateDir', 'caDir', 'envoyPath'),
    ...sourceOf(values),
  }
}

/** The address of `--xds`, as that of a server that is asked or started. */
export function xdsAddressOf(values: Values): string | undefined {
  const xds = textOf(values, 'xds')
  if (xds !== undefined && !xds.startsWith('/') && !/^unix:.|^(\[[0-9a-f:.]+\]|[^:/\s]+):\d{1,5}$/i.test(xds))
    throw new UsageError('SLP0002', `--xds "${xds}" is neither HOST:PORT nor the path of a Unix socket`, {
      fix: 'write --xds 127.0.0.1:15010',
    })
  return xds
}

function sourceOf(values: Values): Pick<ProxyOptions, 'xds' | 'join'> {
  const xds = xdsAddressOf(values)
  const join = joinOf(values)
  if (xds !== undefined && join !== undefined) throw new UsageError('SLP0002', '--xds and --join exclude each other')
  if (xds === undefined && join === undefined) return {}
  for (const [name, option] of Object.entries(fileOptions))
    if (textOf(values, name) !== undefined || listOf(values, name).length > 0)
      throw new UsageError(
        'SLP0002',
        `${option} and ${xds === undefined ? '--join' : '--xds'} exclude each other: the server says what is declared`,
      )
  return { ...(xds === undefined ? {} : { xds }), ...(join === undefined ? {} : { join }) }
}

/** Without an address the kubeconfig says which server it is. */
function joinOf(values: Values): JoinOptions | undefined {
  const join = values['join']
  if (join === undefined) {
    for (const [name, option] of Object.entries(joinOptions))
      if (textOf(values, name) !== undefined)
        throw new UsageError('SLP0002', `${option} needs --join`, { fix: 'add --join https://HOST:6443' })
    return undefined
  }
  return {
    ...optional(values, 'kubeconfig', 'tokenFile', 'caFile', 'nodeName', 'podUid'),
    mayRename: textOf(values, 'name') === undefined,
    ...(typeof join === 'string' ? { server: serverUrlOf(join, '--join') } : {}),
  }
}

/** `https://HOST:PORT` of what was given for an option. */
export function serverUrlOf(text: string, option: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new UsageError('SLP0002', `${option} "${text}" is not https://HOST:PORT`, { fix: `write ${option} https://HOST:6443` })
  return `https://${url.host}`
}

const joinOptions = { kubeconfig: '--kubeconfig', tokenFile: '--token-file', caFile: '--ca-file', nodeName: '--node-name' }

const fileOptions = { filename: '-f', outbound: '--outbound', strictness: '--strictness' }

/** The options that were given, and no key for the others. */
export function optional<K extends string>(values: Values, ...names: readonly K[]): { readonly [N in K]?: string } {
  const given: { [N in K]?: string } = {}
  for (const name of names) {
    const value = textOf(values, name)
    if (value !== undefined) given[name] = value
  }
  return given
}
