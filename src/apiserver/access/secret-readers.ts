// Says which service accounts may be given the Secrets of their namespace as credentials, by the right that Istio asks for.
import type { ObjectStore } from '../../store/index.ts'
import { Authorizer } from './authorizer.ts'
import { type ServiceAccountName, serviceAccountUser } from './user.ts'

const listSecrets = { verb: 'list', group: '', resource: 'secrets', subresource: '', name: '' } as const
const bindings: ReadonlySet<string> = new Set(
  ['rolebindings', 'clusterrolebindings'].map((plural) => `${plural}.rbac.authorization.k8s.io`),
)

export interface SecretReaders {
  /** As bindings have it now. */
  has(account: ServiceAccountName): boolean
  /** Told when that may have become another answer. */
  watch(listener: () => void): () => void
}

export function secretReaders(store: ObjectStore): SecretReaders {
  const authorizer = new Authorizer(store)
  return {
    has: (account) => authorizer.judge(serviceAccountUser(account, ''), { ...listSecrets, namespace: account.namespace }).allowed,
    watch: (listener) =>
      store.watch(store.revision, ({ key }) => {
        if (bindings.has(key.resource)) listener()
      }),
  }
}
