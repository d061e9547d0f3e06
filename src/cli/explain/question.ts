// Reads the URL and options of `explain` into one question about one connection or request.
import { type Address, type Ip, parseHostname, parseIp } from '../../base/index.ts'
import { labelsOf, listOf, textOf, UsageError, type Values } from '../values.ts'

export interface Question {
  readonly protocol: 'http' | 'tls' | 'tcp'
  /** Name or address as asked. */
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  /** Host header when given by -H. */
  readonly authority: string
  /** Lines of headers given by -H, by name in lower case. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly dialled?: Ip
  readonly resolved: readonly Ip[]
  readonly workload: { readonly namespace: string; readonly name: string; readonly labels: Readonly<Record<string, string>> }
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'tls:': 443 }

export function readQuestion(text: string, values: Values): Question {
  const url = parseUrl(text)
  const port = url.port === '' ? defaultPorts[url.protocol] : Number(url.port)
  if (port === undefined) throw new UsageError('SLP0002', `"${text}" has no port`, { fix: 'write tcp://HOST_OR_IP:PORT' })
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (parseIp(host) === undefined && parseHostname(host) === undefined)
    throw new UsageError('SLP0002', `"${host}" is neither a host name nor an IP address`)
  const headers = headersOf(listOf(values, 'header'))
  const dialled = addressOf(textOf(values, 'dialled'), '--dialled')
  return {
    protocol: url.protocol === 'http:' ? 'http' : url.protocol === 'tcp:' ? 'tcp' : 'tls',
    host,
    port,
    method: textOf(values, 'method') ?? 'GET',
    path: `${url.pathname === '' ? '/' : url.pathname}${url.search}`,
    headers,
    authority: headers['host']?.[0] ?? (url.port === '' ? url.hostname : `${url.hostname}:${url.port}`),
    ...(dialled === undefined ? {} : { dialled }),
    resolved: listOf(values, 'resolved')
      .map((ip) => addressOf(ip, '--resolved'))
      .filter((ip) => ip !== undefined),
    workload: { ...workloadOf(textOf(values, 'from') ?? 'default/workload'), labels: labelsOf(values) },
  }
}

/** Where the workload's connection goes when its name resolves to `ip`. */
export function destinationOf(question: Question, ip: Ip): Address {
  return { ip, port: question.port }
}

function parseUrl(text: string): URL {
  try {
    const url = new URL(text)
    if (['http:', 'https:', 'tls:', 'tcp:'].includes(url.protocol) && url.hostname !== '') return url
  } catch {
    // The one error below covers it: what is wrong is the same to the user.
  }
  throw new UsageError('SLP0002', `"${text}" is not a URL that can be explained`, {
    fix: 'write http://HOST/PATH, https://HOST, tls://HOST:PORT or tcp://HOST_OR_IP:PORT',
  })
}

function addressOf(text: string | undefined, option: string): Ip | undefined {
  if (text === undefined) return undefined
  const ip = parseIp(text)
  if (ip === undefined) throw new UsageError('SLP0002', `${option} "${text}" is not an IP address`)
  return ip
}

function headersOf(given: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const headers: Record<string, readonly string[]> = {}
  for (const header of given) {
    const at = header.indexOf(':')
    if (at <= 0) continue
    const name = header.slice(0, at).trim().toLowerCase()
    headers[name] = [...(headers[name] ?? []), header.slice(at + 1).trim()]
  }
  return headers
}

function workloadOf(text: string): { namespace: string; name: string } {
  const [namespace, name, ...rest] = text.split('/')
  if (namespace === undefined || namespace === '' || name === undefined || name === '' || rest.length > 0)
    throw new UsageError('SLP0002', `--from "${text}" is not of the form NAMESPACE/NAME`)
  return { namespace, name }
}
