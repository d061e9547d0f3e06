// Judges Kubernetes' own kinds beyond their types: what they have to say, and what of them may not change.
import { parseIp } from '../../base/index.ts'
import { fieldAtPath, isJsonList, isJsonObject, isSameJson, type Json, type JsonObject, type KubeObject } from '../object.ts'
import { clusterRoleNames, isClusterRoleName } from '../resources/cluster-roles.ts'
import type { StatusCause } from '../status.ts'
import { forbiddenField, invalidValue, notSupported, required } from './cause.ts'
import { dataKeyProblems, nameProblems } from './names.ts'

type Rule = (object: KubeObject) => readonly StatusCause[]

const rules: Readonly<Record<string, Rule>> = {
  '/ConfigMap': (object) => [...keyCauses(object, 'data'), ...keyCauses(object, 'binaryData')],
  '/Secret': (object) => [...keyCauses(object, 'data'), ...base64Causes(object)],
  '/Service': serviceCauses,
  '/Pod': podCauses,
  'rbac.authorization.k8s.io/RoleBinding': bindingCauses,
  'rbac.authorization.k8s.io/ClusterRoleBinding': bindingCauses,
}

export function coreCauses(group: string, object: KubeObject): readonly StatusCause[] {
  const key = `${group}/${object.kind}`
  return Object.hasOwn(rules, key) ? (rules[key]?.(object) ?? []) : []
}

/** What may not be changed in an object that is there already. */
export function changeCauses(group: string, before: KubeObject, after: KubeObject): readonly StatusCause[] {
  const causes: StatusCause[] = []
  if (group === '' && (after.kind === 'ConfigMap' || after.kind === 'Secret') && before['immutable'] === true) {
    const why = 'field is immutable when `immutable` is set'
    if (after['immutable'] !== true) causes.push(forbiddenField('immutable', why))
    for (const field of ['data', 'binaryData']) if (!isSameJson(before[field], after[field])) causes.push(forbiddenField(field, why))
  }
  if (group === '' && after.kind === 'Pod' && !isSameJson(before['spec'], after['spec']))
    causes.push(forbiddenField('spec', 'pod updates may not change what a process was started with'))
  const unchanging = [
    ...(after.kind === 'Secret' && group === '' ? ['type'] : []),
    ...(after.kind.endsWith('RoleBinding') ? ['roleRef'] : []),
  ]
  for (const field of unchanging) {
    if (!isSameJson(before[field], after[field]))
      causes.push(invalidValue(field, after[field], after.kind === 'Secret' ? 'field is immutable' : 'cannot change roleRef'))
  }
  for (const field of ['uid', 'creationTimestamp'] as const) {
    const given = after.metadata[field]
    if (given !== undefined && given !== before.metadata[field]) causes.push(invalidValue(`metadata.${field}`, given, 'field is immutable'))
  }
  return causes
}

function keyCauses(object: KubeObject, field: string): readonly StatusCause[] {
  const data = object[field]
  if (!isJsonObject(data)) return []
  return Object.keys(data).flatMap((key) => dataKeyProblems(key).map((problem) => invalidValue(`${field}[${key}]`, key, problem)))
}

function base64Causes(object: KubeObject): readonly StatusCause[] {
  const data = object['data']
  if (!isJsonObject(data)) return []
  const wrong = Object.entries(data).filter(([, value]) => typeof value === 'string' && !isBase64(value))
  return wrong.map(([key]) => ({ reason: 'FieldValueInvalid', message: 'Invalid value: illegal base64 data', field: `data[${key}]` }))
}

function isBase64(text: string): boolean {
  const packed = text.replaceAll(/[\r\n]/g, '')
  return packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed)
}

const serviceTypes = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']

function serviceCauses(object: KubeObject): readonly StatusCause[] {
  const type = fieldAtPath(object, ['spec', 'type']) ?? 'ClusterIP'
  const ports = fieldAtPath(object, ['spec', 'ports'])
  const list = isJsonList(ports) ? ports.filter(isJsonObject) : []
  const isHeadless = fieldAtPath(object, ['spec', 'clusterIP']) === 'None'
  const causes: StatusCause[] = []
  if (list.length === 0 && !isHeadless && type !== 'ExternalName') causes.push(required('spec.ports'))
  for (const [index, port] of list.entries()) {
    for (const field of ['port', 'targetPort']) {
      const value = port[field] ?? port['port']
      if (typeof value === 'number' && (value < 1 || value > 65_535))
        causes.push(invalidValue(`spec.ports[${index}].${field}`, value, 'must be between 1 and 65535, inclusive'))
    }
    if (list.length > 1 && (port['name'] ?? '') === '') causes.push(required(`spec.ports[${index}].name`))
  }
  if (typeof type === 'string' && !serviceTypes.includes(type)) causes.push(notSupported('spec.type', type, serviceTypes))
  return causes
}

function podCauses(object: KubeObject): readonly StatusCause[] {
  const containers = fieldAtPath(object, ['spec', 'containers'])
  const list = isJsonList(containers) ? containers.filter(isJsonObject) : []
  if (list.length === 0) return [required('spec.containers')]
  return [...containerNameCauses(list), ...addressCauses(object)]
}

function containerNameCauses(list: readonly JsonObject[]): readonly StatusCause[] {
  const names = new Set<Json | undefined>()
  return list.flatMap((container, index) => {
    const field = `spec.containers[${index}].name`
    const name = container['name']
    const isTwice = names.has(name)
    names.add(name)
    if (typeof name !== 'string' || name === '') return [required(field)]
    if (isTwice) return [{ reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(name)}`, field }]
    return nameProblems(name, 'label').map((problem) => invalidValue(field, name, problem))
  })
}

/** Proxies are sent there. */
function addressCauses(pod: KubeObject): readonly StatusCause[] {
  const listed = fieldAtPath(pod, ['status', 'podIPs'])
  const all = isJsonList(listed) ? listed.map((entry, index) => [`status.podIPs[${index}].ip`, fieldAtPath(entry, ['ip'])] as const) : []
  return [['status.podIP', fieldAtPath(pod, ['status', 'podIP']) ?? ''] as const, ...all].flatMap(([field, address]) =>
    address === '' || (typeof address === 'string' && parseIp(address) !== undefined)
      ? []
      : [invalidValue(field, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')],
  )
}

function bindingCauses(object: KubeObject): readonly StatusCause[] {
  const kind = fieldAtPath(object, ['roleRef', 'kind'])
  const name = fieldAtPath(object, ['roleRef', 'name'])
  const subjects = object['subjects']
  return [
    ...(kind === 'ClusterRole' ? [] : [notSupported('roleRef.kind', kind ?? '', ['ClusterRole'])]),
    ...roleNameCauses(name),
    ...(isJsonList(subjects) ? subjects.filter(isJsonObject).flatMap(subjectCauses) : []),
  ]
}

/** A role that is not there gives nothing: whoever names one is told now. */
function roleNameCauses(name: Json | undefined): readonly StatusCause[] {
  if (typeof name !== 'string' || name === '') return [required('roleRef.name')]
  return isClusterRoleName(name) ? [] : [notSupported('roleRef.name', name, clusterRoleNames)]
}

function subjectCauses({ kind, name, namespace }: JsonObject, index: number): readonly StatusCause[] {
  const field = `subjects[${index}]`
  const kinds = ['ServiceAccount', 'User', 'Group']
  return [
    ...(typeof name === 'string' && name !== '' ? [] : [required(`${field}.name`)]),
    ...(typeof kind === 'string' && kinds.includes(kind) ? [] : [notSupported(`${field}.kind`, kind ?? '', kinds)]),
    ...(kind === 'ServiceAccount' && (namespace ?? '') === '' ? [required(`${field}.namespace`)] : []),
  ]
}
