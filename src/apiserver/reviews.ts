// Answers what clients ask about themselves: who they are, and what they may do.
import type { IncomingMessage } from 'node:http'
import { badRequest, isJsonObject, type Json, type JsonObject, type KubeObject, StatusError, type Wanted } from '../kube/index.ts'
import type { Authorizer } from './access/authorizer.ts'
import { administrators, type User, workloadOf } from './access/user.ts'
import { type Answer, json } from './answer.ts'
import { readSent } from './sent-object.ts'

const kinds = ['SelfSubjectReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview']

export function isReview({ resource }: Pick<Wanted, 'resource'>): boolean {
  return kinds.includes(resource.kind)
}

/** Nothing is stored. */
export async function reviewAnswer(message: IncomingMessage, wanted: Wanted, user: User, authorizer: Authorizer): Promise<Answer> {
  const { object } = await readSent(message, wanted)
  return json({ ...object, status: reviewed(object, user, authorizer) }, 201)
}

function reviewed(object: KubeObject, user: User, authorizer: Authorizer): JsonObject {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  switch (object.kind) {
    case 'SelfSubjectReview': {
      const { name, uid, groups } = user
      return { userInfo: { username: name, ...(uid === undefined ? {} : { uid }), groups } }
    }
    case 'SelfSubjectRulesReview':
      return rulesOf(textOf(spec['namespace']), user, authorizer)
    default:
      return accessOf(spec, user, authorizer)
  }
}

function accessOf(
  { resourceAttributes: resource, nonResourceAttributes: path }: JsonObject,
  user: User,
  authorizer: Authorizer,
): JsonObject {
  if (isJsonObject(path)) {
    const allowed = authorizer.judgePath(user, { verb: textOf(path['verb']), path: textOf(path['path']) })
    return { allowed }
  }
  if (!isJsonObject(resource))
    throw new StatusError(badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified'))
  const text = (name: string): string => textOf(resource[name])
  const [verb, group, namespace, name] = [text('verb'), text('group'), text('namespace'), text('name')]
  const wanted = { verb, group, resource: text('resource'), subresource: text('subresource'), namespace, name }
  const verdict = authorizer.judge(user, wanted)
  if (!verdict.allowed || verdict.only === undefined) return { allowed: verdict.allowed }
  return { allowed: true, reason: `for what is about Pods of service account ${verdict.only.namespace}/${verdict.only.name}` }
}

function rulesOf(namespace: string, user: User, authorizer: Authorizer): JsonObject {
  if (namespace === '') throw new StatusError(badRequest('no namespace on request'))
  const rules = authorizer.rulesOf(user, namespace)
  const workload = user.groups.includes(administrators) ? undefined : workloadOf(user)
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups, resources }) => (resources === undefined ? [] : [{ verbs, apiGroups, resources }])),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) => (nonResourceURLs === undefined ? [] : [{ verbs, nonResourceURLs }])),
    incomplete: workload !== undefined,
    ...(workload === undefined
      ? {}
      : { evaluationError: `and what is about Pods of service account ${workload.namespace}/${workload.name}` }),
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
