// Says what became of each object of the API: what analysis finds in it, and which addresses its hosts were given.
import type { StatusFields } from '../apiserver/index.ts'
import type { Issue } from '../api/index.ts'
import type { ConfigSnapshot, Store } from '../config/index.ts'
import type { JsonObject } from '../kube/index.ts'
import type { Model } from '../model/index.ts'
import type { ObjectKey } from '../store/index.ts'
import { sourceOf } from './declared-objects.ts'

/** Of a configuration that is in force. */
export interface Found {
  readonly config: ConfigSnapshot
  readonly model: Model
  /** Of single objects, and of the whole: none that depends on who is connected. */
  readonly issues: readonly Issue[]
}

export class DeclaredStatus {
  readonly #source: Pick<Store, 'refresh' | 'snapshot'>
  #found: Found | undefined

  constructor(source: Pick<Store, 'refresh' | 'snapshot'>) {
    this.#source = source
  }

  take(found: Found): void {
    this.#found = found
  }

  /** Undefined while what was found is about objects that have changed since: it is found anew soon. */
  now(): ((key: ObjectKey) => StatusFields) | undefined {
    this.#source.refresh()
    const found = this.#found
    if (found === undefined || found.config !== this.#source.snapshot.value) return undefined
    const issues = issuesBySource(found.issues)
    const addresses = addressesBySource(found.model)
    return (key) => {
      const source = sourceOf(key)
      return statusOf(issues.get(source) ?? [], addresses.get(source))
    }
  }
}

/** What people read of one object; the list that `analyze` prints has them all. */
const mostMessages = 20

/** The condition and the messages are Istio's (`PassedAnalysis`, as its analyzers write it where status is enabled). */
function statusOf(all: readonly Issue[], addresses: readonly JsonObject[] | undefined): StatusFields {
  const issues = all.slice(0, mostMessages)
  const isFaulty = all.some(({ level }) => level === 'error')
  return {
    condition: {
      type: 'PassedAnalysis',
      status: all.length === 0 ? 'True' : 'False',
      reason: all.length === 0 ? 'noMessagesFound' : isFaulty ? 'errorsFound' : 'warningsFound',
      message: all.length === 0 ? 'No messages found' : `${countsOf(all)} found: ${issues.map(sentenceOf).join('; ')}`,
    },
    fields: { validationMessages: issues.length === 0 ? undefined : issues.map(messageOf), addresses },
  }
}

function countsOf(issues: readonly Issue[]): string {
  const errors = issues.filter(({ level }) => level === 'error').length
  const counted = (count: number, word: string): readonly string[] => (count === 0 ? [] : [`${count} ${word}${count === 1 ? '' : 's'}`])
  return [...counted(errors, 'Error'), ...counted(issues.length - errors, 'Warning')].join(' and ')
}

function sentenceOf({ path, message, fix }: Issue): string {
  const told = path === '' || message.startsWith(path) ? message : `${path}: ${message}`
  return fix === undefined ? told : `${told} (${fix})`
}

/** Istio's messages have no text: it is in the condition. */
function messageOf({ level, code }: Issue): JsonObject {
  const explained = code.startsWith('IST')
    ? { documentationUrl: `https://istio.io/latest/docs/reference/config/analysis/${code.toLowerCase()}/` }
    : {}
  return { ...explained, level: level === 'error' ? 'ERROR' : 'WARNING', type: { code } }
}

function issuesBySource(issues: readonly Issue[]): ReadonlyMap<string, readonly Issue[]> {
  const bySource = new Map<string, Issue[]>()
  const said = new Set<string>()
  for (const issue of issues) {
    const { source, code, path, message } = issue
    const text = `${source} ${code} ${path} ${message}`
    if (said.has(text)) continue
    said.add(text)
    const known = bySource.get(source)
    if (known === undefined) bySource.set(source, [issue])
    else known.push(issue)
  }
  return bySource
}

/** As Istio's allocator writes them: both families, host by host. */
function addressesBySource({ registry, virtualAddresses }: Model): ReadonlyMap<string, readonly JsonObject[]> {
  const bySource = new Map<string, JsonObject[]>()
  for (const service of registry.services) {
    const { kind, namespace, name } = service.ref
    const given = kind === 'ServiceEntry' ? virtualAddresses(service) : undefined
    if (given === undefined) continue
    const source = sourceOf({ resource: 'serviceentries.networking.istio.io', namespace, name })
    const pair = [given.v4, given.v6].map((value) => ({ host: service.host, value }))
    bySource.set(source, [...(bySource.get(source) ?? []), ...pair])
  }
  return bySource
}
