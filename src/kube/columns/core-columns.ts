// Says in which columns the core kinds are shown, as kubectl's users know them.
import { fieldAtPath, isJsonObject, type Json, type KubeObject } from '../object.ts'
import { age, ageColumn, column, firstOf, labelText, nameColumn, objectsOf, textOf, type Column } from './column.ts'

const none = '<none>'
const at = (object: KubeObject, ...path: string[]): Json | undefined => fieldAtPath(object, path)
const textAt = (object: KubeObject, ...path: string[]): string => textOf(at(object, ...path))
const orNone = (text: string): string => (text === '' ? none : text)
const countOf = (value: Json | undefined): number => (isJsonObject(value) ? Object.keys(value).length : 0)
const wide = { priority: 1 } as const

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'whether it is on its way out', (object) => textAt(object, 'status', 'phase')),
  ageColumn,
]

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column('Data', 'how many values it has', (object) => countOf(object['data']) + countOf(object['binaryData'])),
  ageColumn,
]

export const secretColumns: readonly Column[] = [
  nameColumn,
  column('Type', 'what its data are', (object) => textAt(object, 'type')),
  column('Data', 'how many values it has', (object) => countOf(object['data'])),
  ageColumn,
]

export const serviceAccountColumns: readonly Column[] = [
  nameColumn,
  column('Secrets', 'how many Secrets it names', (object) => objectsOf(object['secrets']).length),
  ageColumn,
]

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column('Type', 'how it is reached', (object) => textAt(object, 'spec', 'type')),
  column('Cluster-IP', 'its virtual address', (object) => orNone(textAt(object, 'spec', 'clusterIP'))),
  column('External-IP', 'its address outside', externalAddress),
  column('Port(s)', 'its ports', servicePorts),
  ageColumn,
  column('Selector', 'the labels of its endpoints', (object) => labelText(at(object, 'spec', 'selector')), wide),
]

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column('Status', 'whether it takes workloads', nodeStatus),
  column('Roles', 'its roles', nodeRoles),
  ageColumn,
  column('Version', 'the version of what runs its workloads', (object) => textAt(object, 'status', 'nodeInfo', 'kubeletVersion')),
  column('Internal-IP', 'its address', (object) => nodeAddress(object, 'InternalIP'), wide),
  column('External-IP', 'its address outside', (object) => nodeAddress(object, 'ExternalIP'), wide),
  column('OS-Image', 'its distribution', (object) => nodeInfo(object, 'osImage'), wide),
  column('Kernel-Version', 'its kernel', (object) => nodeInfo(object, 'kernelVersion'), wide),
  column('Container-Runtime', 'what runs its workloads', (object) => nodeInfo(object, 'containerRuntimeVersion'), wide),
]

export const roleColumns: readonly Column[] = [
  nameColumn,
  column('Created At', 'when it was made', ({ metadata }) => metadata.creationTimestamp ?? null, { type: 'date' }),
]

export const endpointsColumns: readonly Column[] = [nameColumn, column('Endpoints', 'addresses and ports', endpointsText), ageColumn]

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column('AddressType', 'what its addresses are', (object) => textAt(object, 'addressType')),
  column('Ports', 'its ports', (object) => (objectsOf(object['ports']).length === 0 ? '<unset>' : firstOf(portsOf(object['ports']), 3))),
  column('Endpoints', 'its addresses', (object) => firstOrUnset(addressesOf(object))),
  ageColumn,
]

/** The two kinds of Event have other names for the same things. */
export const eventColumns: readonly Column[] = [
  column('Last Seen', 'how long ago it happened last', (object, now) => age(lastSeen(object), now)),
  column('Type', 'Normal or Warning', (object) => textAt(object, 'type')),
  column('Reason', 'what happened, in one word', (object) => textAt(object, 'reason')),
  column('Object', 'the object it happened to', eventSubject),
  column('Subobject', 'the part of the object', (object) => textOf(fieldAtPath(subjectOf(object), ['fieldPath'])), wide),
  column('Source', 'who tells', eventSource, wide),
  column('Message', 'what happened', (object) => (textAt(object, 'message') || textAt(object, 'note')).trim()),
  column('First Seen', 'how long ago it happened first', (object, now) => age(firstSeen(object), now), wide),
  column('Count', 'how often it happened', eventCount, wide),
  { ...nameColumn, priority: 1 },
]

export const bindingColumns: readonly Column[] = [
  nameColumn,
  column('Role', 'what is given', (object) => `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`),
  ageColumn,
  column('Users', 'to which users', (object) => subjects(object, 'User'), wide),
  column('Groups', 'to which groups', (object) => subjects(object, 'Group'), wide),
  column('ServiceAccounts', 'to which service accounts', (object) => subjects(object, 'ServiceAccount'), wide),
]

export const customResourceDefinitionColumns: readonly Column[] = [
  nameColumn,
  column('Created At', 'when it was made', ({ metadata }) => metadata.creationTimestamp ?? null, { type: 'date' }),
]

function externalAddress(object: KubeObject): string {
  const type = textAt(object, 'spec', 'type')
  if (type === 'ExternalName') return orNone(textAt(object, 'spec', 'externalName'))
  const ingress = objectsOf(at(object, 'status', 'loadBalancer', 'ingress')).map((one) => textOf(one['ip']) || textOf(one['hostname']))
  const external = at(object, 'spec', 'externalIPs')
  const all = [...ingress, ...(Array.isArray(external) ? external.map(textOf) : [])]
  if (all.length > 0) return all.join(',')
  return type === 'LoadBalancer' ? '<pending>' : none
}

function servicePorts(object: KubeObject): string {
  const ports = objectsOf(at(object, 'spec', 'ports')).map((port) => {
    const outside = textOf(port['nodePort'])
    const protocol = textOf(port['protocol']) || 'TCP'
    return `${textOf(port['port'])}${outside === '' ? '' : `:${outside}`}/${protocol}`
  })
  return orNone(ports.join(','))
}

function nodeStatus(object: KubeObject): string {
  const ready = objectsOf(at(object, 'status', 'conditions')).find((condition) => condition['type'] === 'Ready')
  const status = ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady'
  return at(object, 'spec', 'unschedulable') === true ? `${status},SchedulingDisabled` : status
}

function nodeRoles({ metadata }: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/'
  const labels = Object.keys(metadata.labels ?? {})
  return orNone(
    labels
      .filter((label) => label.startsWith(prefix) && label !== prefix)
      .map((label) => label.slice(prefix.length))
      .sort()
      .join(','),
  )
}

function nodeAddress(object: KubeObject, type: string): string {
  const found = objectsOf(at(object, 'status', 'addresses')).find((address) => address['type'] === type)
  return orNone(textOf(found?.['address']))
}

function nodeInfo(object: KubeObject, name: string): string {
  return textAt(object, 'status', 'nodeInfo', name) || '<unknown>'
}

function portsOf(value: Json | undefined): readonly string[] {
  return objectsOf(value).map((port) => textOf(port['port']) || '*')
}

function addressesOf(object: KubeObject): readonly string[] {
  return objectsOf(object['endpoints']).flatMap(({ addresses }) => (Array.isArray(addresses) ? addresses.map(textOf) : []))
}

function firstOrUnset(texts: readonly string[]): string {
  return texts.length === 0 ? '<unset>' : firstOf(texts, 3)
}

function endpointsText(object: KubeObject): string {
  const all = objectsOf(object['subsets']).flatMap((subset) => {
    const addresses = objectsOf(subset['addresses']).map(({ ip }) => textOf(ip))
    const ports = objectsOf(subset['ports']).map(({ port }) => textOf(port))
    return ports.length === 0
      ? addresses
      : ports.flatMap((port) => addresses.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)))
  })
  return firstOf(all, 3)
}

function subjectOf(object: KubeObject): Json | undefined {
  return object['involvedObject'] ?? object['regarding']
}

function eventSubject(object: KubeObject): string {
  const subject = subjectOf(object)
  const kind = textOf(fieldAtPath(subject, ['kind'])).toLowerCase()
  const name = textOf(fieldAtPath(subject, ['name']))
  return name === '' ? kind : `${kind}/${name}`
}

function eventSource(object: KubeObject): string {
  const source = object['source'] ?? object['deprecatedSource']
  const component =
    textOf(fieldAtPath(source, ['component'])) || textAt(object, 'reportingComponent') || textAt(object, 'reportingController')
  const host = textOf(fieldAtPath(source, ['host'])) || textAt(object, 'reportingInstance')
  return host === '' ? component : `${component}, ${host}`
}

function firstSeen(object: KubeObject): Json | undefined {
  return object['firstTimestamp'] ?? object['deprecatedFirstTimestamp'] ?? object['eventTime']
}

function lastSeen(object: KubeObject): Json | undefined {
  const last = object['lastTimestamp'] ?? object['deprecatedLastTimestamp']
  return at(object, 'series', 'lastObservedTime') ?? last ?? firstSeen(object)
}

function eventCount(object: KubeObject): Json {
  const count = at(object, 'series', 'count') ?? object['count'] ?? object['deprecatedCount']
  return typeof count === 'number' && count > 0 ? count : 1
}

function subjects(object: KubeObject, kind: string): string {
  return objectsOf(object['subjects'])
    .filter((subject) => subject['kind'] === kind)
    .map((subject) => (kind === 'ServiceAccount' ? `${textOf(subject['namespace'])}/${textOf(subject['name'])}` : textOf(subject['name'])))
    .join(',')
}
