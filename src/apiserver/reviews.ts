// Answers what clients ask about themselves: who they are, and what they may do.
import type { IncomingMessage } from 'node:http'
import { badRequest, isJsonObject, type Json, type JsonObject, type KubeObject, StatusError, type Wanted } from '../kube/index.ts'
import type { Authorizer } from './access/authorizer.ts'
import { administrators, type User, workloadOf } from './access/user.ts'
import { plainAddress } from './access/workload-rules.ts'
import { type Answer, json } from './answer.ts'
import { readSent } from './sent-object.ts'

const kinds = ['SelfSubjectReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview']

export function isReview({ resource }: Pick<Wanted, 'resource'>): boolean {
  return kinds.includes(resource.kind)
}

/** Nothing is stored. */
export async function reviewAnswer(message: IncomingMessage, wanted: Wanted, user: User, authorizer: Authorizer): Promise<Answer> {
  const { object } = await readSent(message, wanted)
  const status =
    object.kind === 'SelfSubjectReview' ? whoIs(user, plainAddress(message.socket.remoteAddress)) : reviewed(object, user, authorizer)
  return json({ ...object, status }, 201)
}

function reviewed(object: KubeObject, user: User, authorizer: Authorizer): JsonObject {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  if (object.kind === 'SelfSubjectRulesReview') return rulesOf(textOf(spec['namespace']), user, authorizer)
  return accessOf(spec, user, authorizer)
}

/** With the address that it is seen to connect from, which a joined process has no other way to know behind NAT. */
function whoIs({ name, uid, groups }: User, address: string): JsonObject {
  const extra = { [addressKey]: [address] }
  return { userInfo: { username: name, ...(uid === undefined ? {} : { uid }), groups, extra } }
}

const addressKey = 'node.sallyport.dev/address'

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
