// Builds resources and models shortly, for tests that are about what the model makes of them.
import { createResourceSet, type Kind, type MeshSettings, type Meta, type Resource, type Spec } from '../api/index.ts'
import { buildModel, type Model } from './model.ts'

export interface Extras extends Partial<Meta> {
  readonly unsupported?: readonly string[]
}

export function resource<K extends Kind>(kind: K, name: string, spec: Spec<K>, extras: Extras = {}): Resource<K> {
  const { unsupported = [], ...meta } = extras
  const full = { namespace: 'default', name, labels: {}, annotations: {}, created: 0, ...meta }
  const origin = { source: 'test.yaml', line: 1, placeOf: () => ({ line: 1, column: 1 }) }
  return { kind, meta: full, spec, origin, hash: JSON.stringify([kind, full, spec]), unsupported }
}

export const strict: MeshSettings = { mesh: {}, sallyport: {} }

export function modelOf(resources: readonly Resource[], settings = strict): Model {
  return buildModel(createResourceSet(resources), settings)
}
