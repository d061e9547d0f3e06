// `sallyport run`: turns the command line into a workload and has the role started.
import { closeSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Roles, RunOptions } from '../roles.ts'
import { listOf, optional, proxyOf, textOf, UsageError, type Values } from '../values.ts'

export async function run(command: readonly string[], values: Values, roles: Roles): Promise<number> {
  const name = textOf(values, 'name') ?? workloadName(command[0] ?? '')
  return roles.run({
    ...proxyOf(values, name, 'default'),
    ...optional(values, 'user'),
    publish: listOf(values, 'publish'),
    expose: listOf(values, 'expose'),
    readOnly: listOf(values, 'readOnly'),
    privateTmp: values['privateTmp'] === true,
    ...rootOf(values),
    ...optional(values, 'workdir', 'logFile'),
    hide: listOf(values, 'hide'),
    ...variablesOf(values),
    ...doorOf(values),
    command,
  })
}

/** `DIR`, `DIR:ro` or `DIR:rw`, as volumes are written. */
function rootOf(values: Values): Pick<RunOptions, 'rootfs'> {
  const text = textOf(values, 'rootfs')
  if (text === undefined) return {}
  return { rootfs: { path: resolve(text.replace(/:r[ow]$/, '')), isWritable: text.endsWith(':rw') } }
}

function doorOf(values: Values): Pick<RunOptions, 'httpProxyPort' | 'proxyEnv'> {
  const text = textOf(values, 'httpProxyPort')
  const proxyEnv = values['proxyEnv'] === true
  if (text === undefined) {
    if (proxyEnv) throw new UsageError('SLP0002', '--proxy-env names no proxy', { fix: 'add --http-proxy-port 3128' })
    return { proxyEnv }
  }
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new UsageError('SLP0002', `--http-proxy-port "${text}" is no port`)
  return { httpProxyPort: port, proxyEnv }
}

/** What a server that runs Pods says of CMD's variables: not for this process, which is outside, and not for everybody who lists processes. */
function variablesOf(values: Values): Pick<RunOptions, 'env'> {
  const text = textOf(values, 'envFd')
  if (text === undefined) return {}
  const fd = Number(text)
  const env: Readonly<Record<string, string>> = JSON.parse(readFileSync(fd, 'utf8'))
  closeSync(fd)
  return { env }
}

/** A DNS label out of the command's base name, so that a workload has a name without being given one. */
function workloadName(command: string): string {
  const label = basename(command)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
  return /[a-z]/.test(label) ? label : 'workload'
}
