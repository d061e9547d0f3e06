// Makes the OpenAPI v3 documents from which kubectl learns fields, and that the server checks them; one for each group and version.
import { createHash } from 'node:crypto'
import type { Json, JsonObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import { groups, resources } from '../resources.ts'
import { listMetaName, objectMetaComponent, objectMetaName, openApiSchema, reference } from './schema.ts'

/** `GET /openapi/v3`: where the documents are, with hashes by which clients know that they have not changed. */
export function openApiIndex(): JsonObject {
  const entries = paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${documentOf(path)?.hash ?? ''}` }] as const)
  return { paths: Object.fromEntries(entries) }
}

export interface OpenApiDocument {
  readonly body: JsonObject
  readonly hash: string
}

/** `GET /openapi/v3/PATH`, where the path is `api/v1` or `apis/GROUP/VERSION`. */
export function openApiDocument(path: string): OpenApiDocument | undefined {
  return documentOf(path)
}

/** What `GET /openapi/v2` answers: an OpenAPI document that says nothing, as protobuf, which is all that older clients insist on. */
export const openApiV2 = Uint8Array.of(0x0a, 0x03, 0x32, 0x2e, 0x30)
export const openApiV2MediaType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

const paths = groups.flatMap(({ name, versions }) =>
  versions.map((version) => (name === '' ? `api/${version}` : `apis/${name}/${version}`)),
)
const made = new Map<string, OpenApiDocument>()

function documentOf(path: string): OpenApiDocument | undefined {
  const known = made.get(path)
  if (known !== undefined || !paths.includes(path)) return known
  const parts = path.split('/')
  const [group = '', version = ''] = parts[0] === 'api' ? ['', parts[1]] : [parts[1], parts[2]]
  const body = bodyOf(group, version)
  const document = { body, hash: createHash('sha256').update(JSON.stringify(body)).digest('hex').toUpperCase() }
  made.set(path, document)
  return document
}

interface Served {
  readonly resource: ApiResource
  readonly version: string
}

function bodyOf(group: string, version: string): JsonObject {
  const served = resources
    .filter((resource) => resource.group === group && resource.versions.includes(version))
    .map((resource) => ({ resource, version }))
  return {
    openapi: '3.0.0',
    info: { title: 'Sallyport', version: 'v1' },
    paths: Object.fromEntries(served.flatMap(pathsOf)),
    components: { schemas: { ...Object.fromEntries(served.flatMap(schemasOf)), ...shared } },
  }
}

const shared: JsonObject = {
  [objectMetaName]: objectMetaComponent(),
  [listMetaName]: {
    description: 'What a list says of itself.',
    type: 'object',
    properties: {
      resourceVersion: { type: 'string', description: 'The version of the list, from which a watch can go on.' },
      continue: { type: 'string', description: 'Where the next page begins.' },
      remainingItemCount: { type: 'integer', format: 'int64', description: 'How many more there are.' },
    },
  },
}

function gvkOf({ resource: { group, kind }, version }: Served): JsonObject {
  return { group, version, kind }
}

function schemasOf(served: Served): readonly (readonly [string, JsonObject])[] {
  const { resource, version } = served
  const own = { ...openApiSchema(resource.schema), 'x-kubernetes-group-version-kind': [gvkOf(served)] }
  const list = {
    description: `A list of objects of kind ${resource.kind}.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: 'The group and version of the list.' },
      kind: { type: 'string', description: 'The kind of the list.' },
      metadata: { description: 'What the list says of itself.', allOf: [reference(listMetaName)], default: {} },
      items: { type: 'array', description: 'The objects.', items: reference(schemaName(served)) },
    },
    'x-kubernetes-group-version-kind': [{ group: resource.group, version, kind: resource.listKind }],
  }
  const isListed = resource.verbs.includes('list')
  return [[schemaName(served), own] as const, ...(isListed ? [[`${schemaName(served)}List`, list] as const] : [])]
}

/** `io.istio.networking.v1.ServiceEntry`; Kubernetes' own kinds are below `io.k8s.api`. */
function schemaName({ resource: { group, kind, custom }, version }: Served): string {
  if (custom) return `${group.split('.').reverse().join('.')}.${version}.${kind}`
  return `io.k8s.api.${group === '' ? 'core' : (group.split('.')[0] ?? group)}.${version}.${kind}`
}

function pathsOf(served: Served): readonly (readonly [string, JsonObject])[] {
  const { resource, version } = served
  const { group, plural, namespaced, verbs } = resource
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`
  const has = (verb: ApiResource['verbs'][number], operation: () => JsonObject, method: string): JsonObject =>
    verbs.includes(verb) ? { [method]: operation() } : {}
  const whole: JsonObject = {
    ...has('list', () => operation(served, 'list', [], true), 'get'),
    ...has('create', () => operation(served, 'post', writing), 'post'),
    ...has('deletecollection', () => operation(served, 'deletecollection', [dryRun]), 'delete'),
    parameters: namespaced ? [inPath('namespace')] : [],
  }
  const one: JsonObject = {
    ...has('get', () => operation(served, 'get', []), 'get'),
    ...has('update', () => operation(served, 'put', writing), 'put'),
    ...has('patch', () => operation(served, 'patch', [...writing, force]), 'patch'),
    ...has('delete', () => operation(served, 'delete', [dryRun]), 'delete'),
    parameters: namespaced ? [inPath('namespace'), inPath('name')] : [inPath('name')],
  }
  return verbs.includes('get') ? [[collection, whole] as const, [`${collection}/{name}`, one] as const] : [[collection, whole] as const]
}

function operation(served: Served, action: string, parameters: readonly JsonObject[], isList = false): JsonObject {
  const schema = reference(`${schemaName(served)}${isList ? 'List' : ''}`)
  const content = { 'application/json': { schema } }
  const takesObject = action === 'post' || action === 'put'
  return {
    responses: { 200: { description: 'OK', content } },
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(takesObject ? { requestBody: { content } } : {}),
    ...(action === 'patch'
      ? { requestBody: { content: Object.fromEntries(patchTypes(served).map((type) => [type, { schema: { type: 'object' } }])) } }
      : {}),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvkOf(served),
  }
}

function patchTypes({ resource }: Served): readonly string[] {
  const all = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']
  return resource.custom ? all : [...all, 'application/strategic-merge-patch+json']
}

function inPath(name: string): JsonObject {
  return { name, in: 'path', required: true, description: `the ${name}`, schema: { type: 'string', uniqueItems: true } }
}

function inQuery(name: string, description: string, type: Json = 'string'): JsonObject {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } }
}

const dryRun = inQuery('dryRun', 'All: everything is done but the writing')
const force = inQuery('force', 'apply takes fields that belong to others', 'boolean')
const writing: readonly JsonObject[] = [
  dryRun,
  inQuery('fieldManager', 'who it is that sets these fields'),
  inQuery('fieldValidation', 'what becomes of unknown and repeated fields: Ignore, Warn or Strict'),
]
