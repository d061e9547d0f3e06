// Says where a Pod stands in the API.
import { textOf, type Values } from '../values.ts'

export function podsPath(values: Values): string {
  return `/api/v1/namespaces/${encodeURIComponent(textOf(values, 'namespace') ?? 'default')}/pods`
}

export function podPath(name: string, values: Values): string {
  return `${podsPath(values)}/${encodeURIComponent(name)}`
}
