// Reads the bindings that are stored: which rules a user has everywhere, and in one namespace.
import { fieldAtPath, isClusterRoleName, isJsonList, isJsonObject, type JsonObject } from '../../kube/index.ts'
import type { ObjectStore, Stored } from '../../store/index.ts'
import { clusterRoles } from './built-in-roles.ts'
import type { PolicyRule } from './policy-rule.ts'
import { serviceAccountUserName, type User } from './user.ts'

interface Binding {
  readonly rules: readonly PolicyRule[]
  readonly has: (user: User) => boolean
}

export class Bindings {
  readonly #store: ObjectStore
  readonly #read = new WeakMap<Stored, Binding>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** Of bindings of the whole, and of those of the namespace unless it is empty. */
  rulesOf(user: User, namespace: string): readonly PolicyRule[] {
    const everywhere = this.#store.list('clusterrolebindings.rbac.authorization.k8s.io').items
    const here = namespace === '' ? [] : this.#store.list('rolebindings.rbac.authorization.k8s.io', { namespace }).items
    return [...everywhere, ...here].flatMap((stored) => {
      const binding = this.#bindingOf(stored)
      return binding.has(user) ? binding.rules : []
    })
  }

  #bindingOf(stored: Stored): Binding {
    const known = this.#read.get(stored)
    if (known !== undefined) return known
    const object: JsonObject = JSON.parse(stored.value.toString())
    const role = fieldAtPath(object, ['roleRef', 'kind']) === 'ClusterRole' ? fieldAtPath(object, ['roleRef', 'name']) : undefined
    const list = object['subjects']
    const subjects = isJsonList(list) ? list.filter(isJsonObject) : []
    const binding: Binding = {
      rules: isClusterRoleName(role) ? clusterRoles[role] : [],
      has: (user) => subjects.some((subject) => isSubject(subject, user)),
    }
    this.#read.set(stored, binding)
    return binding
  }
}

function isSubject({ kind, name, namespace }: JsonObject, user: User): boolean {
  switch (kind) {
    case 'User':
      return user.name === name
    case 'Group':
      return user.groups.some((group) => group === name)
    case 'ServiceAccount':
      return typeof name === 'string' && typeof namespace === 'string' && user.name === serviceAccountUserName({ namespace, name })
    default:
      return false
  }
}
