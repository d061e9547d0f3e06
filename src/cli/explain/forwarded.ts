// Tells what a hop changes of a request, in words, and as the question that the hop behind it is asked.
import type { HeaderChange, HttpPlan } from '../../runtime/index.ts'
import type { Question } from './question.ts'

/** In the order in which a reader would ask. */
export function describeChanges(plan: HttpPlan | undefined): readonly string[] {
  if (plan === undefined) return []
  const { path, authority, requestHeaders, responseHeaders, delay, mirrors, retry } = plan
  return [
    ...(delay === undefined ? [] : [`waits ${delay} ms`]),
    ...(path === undefined ? [] : [`path becomes ${path}`]),
    ...(authority === undefined ? [] : [`authority becomes ${authority}`]),
    ...headerWords('request', requestHeaders),
    ...headerWords('response', responseHeaders),
    ...(retry === undefined
      ? []
      : [retry.retries === 0 ? 'is not tried again' : `tries again ${retry.retries} times on ${[...retry.on].join(', ')}`]),
    ...(mirrors ?? []).map(({ cluster }) => `copies to ${cluster.name}`),
  ]
}

function headerWords(where: string, changes: readonly HeaderChange[] = []): readonly string[] {
  return changes.map((change) => `${where} header: ${change.kind} ${change.name}${change.kind === 'remove' ? '' : `: ${change.value}`}`)
}

/** What the next hop is asked about. */
export function forwarded(question: Question, plan: HttpPlan | undefined): Question {
  if (plan === undefined) return question
  const headers = { ...question.headers }
  for (const change of plan.requestHeaders ?? []) {
    const lines = headers[change.name] ?? []
    if (change.kind === 'remove') headers[change.name] = []
    else if (change.kind === 'set') headers[change.name] = [change.value]
    else if (change.kind === 'append' || lines.length === 0) headers[change.name] = [...lines, change.value]
  }
  return { ...question, headers, path: plan.path ?? question.path, authority: plan.authority ?? question.authority }
}
