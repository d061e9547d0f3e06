// Reads what is asked of the process behind a Pod: to execute something, or to tell what it has written.
import { badRequest, fieldAtPath, isJsonList, isJsonObject, type Json, type KubeObject, StatusError } from '../../kube/index.ts'
import { isTrue, numberOf } from '../query.ts'
import type { SessionRequest } from './pod-links.ts'

type Asked = Omit<SessionRequest, 'session'> & Pick<SessionRequest, 'kind'>

const notOffered: Readonly<Record<string, string>> = {
  attach: 'attach is not offered: the command of a sealed workload keeps its own terminal; use exec or logs',
  portforward: 'port-forward is not offered: start the workload with --publish PORT, and dial that',
  ephemeralcontainers: 'ephemeral containers are not offered: use exec',
  proxy: 'proxying to a pod is not offered: start the workload with --publish PORT, and dial that',
}

export function execRequest(pod: KubeObject, subresource: string, query: URLSearchParams): Asked {
  refuseOthers(subresource, 'exec')
  checkContainer(pod, query)
  const command = query.getAll('command')
  if (command.length === 0 || command[0] === '') throw new StatusError(badRequest('you must specify at least 1 command for the container'))
  const [stdin, stdout, stderr, tty] = (['stdin', 'stdout', 'stderr', 'tty'] as const).map((name) => isTrue(query, name))
  if (stdin !== true && stdout !== true && stderr !== true)
    throw new StatusError(badRequest('you must specify at least 1 of stdin, stdout, stderr'))
  return { kind: 'exec', command, stdin, stdout, stderr, tty }
}

export function logRequest(pod: KubeObject, query: URLSearchParams): Asked {
  checkContainer(pod, query)
  const sinceTime = query.get('sinceTime') ?? ''
  if (sinceTime !== '' && Number.isNaN(Date.parse(sinceTime)))
    throw new StatusError(badRequest(`sinceTime: Invalid value: ${JSON.stringify(sinceTime)}`))
  return {
    kind: 'log',
    follow: isTrue(query, 'follow'),
    timestamps: isTrue(query, 'timestamps'),
    ...given('tailLines', numberOf(query, 'tailLines')),
    ...given('limitBytes', numberOf(query, 'limitBytes')),
    ...given('sinceSeconds', numberOf(query, 'sinceSeconds')),
    ...given('sinceTime', sinceTime === '' ? undefined : Date.parse(sinceTime)),
  }
}

/** As Kubernetes says that there was no run before this one, or that nothing of it was kept. */
export function previousNotFound(pod: KubeObject): StatusError {
  const [container] = listOf(fieldAtPath(pod, ['spec', 'containers']))
  const name = isJsonObject(container) ? container['name'] : ''
  return new StatusError(badRequest(`previous terminated container ${JSON.stringify(name)} in pod "${pod.metadata.name ?? ''}" not found`))
}

/** Throws for what Kubernetes has below a Pod and this server has not. */
export function refuseOthers(subresource: string, ...offered: readonly string[]): void {
  if (offered.includes(subresource)) return
  throw new StatusError(
    badRequest(Object.hasOwn(notOffered, subresource) ? (notOffered[subresource] ?? '') : `${subresource} of a pod is not offered here`),
  )
}

function checkContainer(pod: KubeObject, query: URLSearchParams): void {
  const wanted = query.get('container') ?? ''
  const names = listOf(fieldAtPath(pod, ['spec', 'containers'])).map((one) => (isJsonObject(one) ? one['name'] : undefined))
  if (wanted !== '' && !names.includes(wanted))
    throw new StatusError(badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name ?? ''}`))
}

function listOf(value: Json | undefined): readonly Json[] {
  return isJsonList(value) ? value : []
}

function given(name: string, value: number | undefined): Readonly<Record<string, number>> {
  return value === undefined ? {} : { [name]: value }
}
