// Reads and applies field selectors: a few fields of each kind can be asked for.
import { fieldAtPath, type KubeObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import { badRequest, StatusError } from '../status.ts'

export interface FieldSelector {
  readonly matches: (object: KubeObject) => boolean
  readonly isEmpty: boolean
  /** The name that it asks for, if it asks for exactly one. */
  readonly name?: string
}

interface Term {
  readonly field: string
  readonly value: string
  readonly isEqual: boolean
}

const always = ['metadata.name', 'metadata.namespace']

/** By group and kind; kinds that are not here have a name and a namespace to ask for. */
const further: Readonly<Record<string, readonly string[]>> = {
  '/Pod': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  '/Event': [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => `involvedObject.${field}`),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  'events.k8s.io/Event': [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => `regarding.${field}`),
    'reason',
    'reportingController',
    'type',
  ],
  '/Namespace': ['status.phase'],
  '/Node': ['spec.unschedulable'],
  '/Secret': ['type'],
  '/Service': ['spec.clusterIP', 'spec.type'],
}

/** Fields that are not where their name says. */
const elsewhere: Readonly<Record<string, readonly string[]>> = { source: ['source', 'component'] }

/** Throws a StatusError, 400. */
export function parseFieldSelector(resource: ApiResource, text: string): FieldSelector {
  const terms = termsOf(text).map(parseTerm)
  const own = further[`${resource.group}/${resource.kind}`] ?? []
  for (const { field } of terms) {
    if (always.includes(field) || own.includes(field)) continue
    const isPlain = own.length === 0 && !resource.custom
    const told = isPlain
      ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
      : `field label not supported: ${field}`
    throw new StatusError(badRequest(told))
  }
  const name = terms.find(({ field, isEqual }) => isEqual && field === 'metadata.name')?.value
  return {
    isEmpty: terms.length === 0,
    matches: (object) => terms.every(({ field, value, isEqual }) => (valueOf(object, field) === value) === isEqual),
    ...(name === undefined || name === '' ? {} : { name }),
  }
}

function valueOf(object: KubeObject, field: string): string {
  const value = fieldAtPath(object, elsewhere[field] ?? field.split('.'))
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
}

/** Commas part terms, unless a backslash stands before. */
function termsOf(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+|\\$/g) ?? []).filter((term) => term !== '')
}

function parseTerm(term: string): Term {
  const found = /^((?:\\.|[^=!\\])*)(==|!=|=)(.*)$/s.exec(term)
  if (!found) throw new StatusError(badRequest(`invalid selector: '${term}'; can't understand '${term}'`))
  const [, field = '', sign, value = ''] = found
  return { field, value: unescaped(value), isEqual: sign !== '!=' }
}

function unescaped(value: string): string {
  return value.replaceAll(/\\(.?)/gs, (sequence, character: string) => {
    if (character === ',' || character === '=' || character === '\\') return character
    throw new StatusError(badRequest(`invalid field selector: invalid escape sequence: ${sequence}`))
  })
}
