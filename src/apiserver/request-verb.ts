// Says which of Kubernetes' verbs a request is, and with what else it is judged whether somebody may send it.
import type { Verb } from '../kube/index.ts'
import type { ResourceAttributes } from './access/policy-rule.ts'
import { isTrue } from './query.ts'
import type { ResourcePath } from './request-path.ts'

/** Undefined where the method is none of a resource's. */
export function verbOf(method: string, { name }: Pick<ResourcePath, 'name'>, query: URLSearchParams): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (isTrue(query, 'watch')) return 'watch'
      return name === '' ? 'list' : 'get'
    case 'POST':
      return 'create'
    case 'PUT':
      return name === '' ? undefined : 'update'
    case 'PATCH':
      return name === '' ? undefined : 'patch'
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete'
    default:
      return undefined
  }
}

/** A list or watch of one name is about that object. A namespace is in itself. */
export function attributesOf(method: string, path: ResourcePath, query: URLSearchParams): ResourceAttributes {
  const { resource, subresource } = path
  const verb = verbOf(method, path, query) ?? method.toLowerCase()
  const [, selected = ''] = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '') ?? []
  const name = path.name === '' && (verb === 'list' || verb === 'watch') ? selected : path.name
  const isNamespace = resource.group === '' && resource.kind === 'Namespace'
  return { verb, group: resource.group, resource: resource.plural, subresource, namespace: isNamespace ? path.name : path.namespace, name }
}
