// Makes an issue out of a finding: the place comes from the resource that it is about.
import type { Issue, Resource } from '../api/index.ts'
import type { FindingCode } from './finding-codes.ts'

export interface FindingText {
  readonly level: Issue['level']
  readonly code: FindingCode
  /** Field path of the resource, such as `spec.tcp[0].route[0]`. */
  readonly path: string
  readonly message: string
  readonly fix?: string
}

export function findingAt(resource: Resource, text: FindingText): Issue {
  const { kind, meta, origin } = resource
  return {
    ...text,
    ref: { kind, namespace: meta.namespace, name: meta.name },
    source: origin.source,
    place: origin.placeOf(text.path),
  }
}

export function nameOf(resource: Resource): string {
  return `${resource.meta.namespace}/${resource.meta.name}`
}
