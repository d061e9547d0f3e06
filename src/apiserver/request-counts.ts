// Counts requests for `/metrics`, under the names that Kubernetes' own server has for them.
import { resources } from '../kube/index.ts'
import type { ObjectStore } from '../store/index.ts'
import { storeNameOf } from './stored-objects.ts'

export class RequestCounts {
  readonly #counts = new Map<string, number>()

  add(method: string, code: number): void {
    // Clients may send any word as a method.
    const verb = methods.has(method) ? method : 'other'
    const labels = `verb="${verb}",code="${code}"`
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1)
  }

  text(store: ObjectStore): string {
    const lines = ['# TYPE apiserver_request_total counter']
    for (const [labels, count] of this.#counts) lines.push(`apiserver_request_total{${labels}} ${count}`)
    lines.push('# TYPE apiserver_storage_objects gauge')
    for (const name of names) lines.push(`apiserver_storage_objects{resource="${name}"} ${store.count(name)}`)
    return `${lines.join('\n')}\n`
  }
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const names = Array.from(new Set(resources.filter(({ verbs }) => verbs.includes('list')).map(storeNameOf)))
