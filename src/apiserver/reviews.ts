// Answers what clients ask about themselves: who they are, and what they may do.
import type { IncomingMessage } from 'node:http'
import type { JsonObject, KubeObject, Wanted } from '../kube/index.ts'
import { type Answer, json } from './answer.ts'
import { readSent } from './sent-object.ts'

export interface User {
  readonly name: string
  readonly groups: readonly string[]
}

export function isReview({ resource }: Pick<Wanted, 'resource'>): boolean {
  return resource.kind === 'SelfSubjectReview' || resource.kind === 'SelfSubjectAccessReview'
}

/** Nothing is stored. Whoever is known may do everything. */
export async function reviewAnswer(message: IncomingMessage, wanted: Wanted, user: User): Promise<Answer> {
  const { object } = await readSent(message, wanted)
  return json(reviewed(object, wanted, user), 201)
}

function reviewed(object: KubeObject, { resource }: Wanted, user: User): JsonObject {
  if (resource.kind === 'SelfSubjectReview') return { ...object, status: { userInfo: { username: user.name, groups: user.groups } } }
  return { ...object, status: { allowed: true, reason: 'the administrator may do everything' } }
}
