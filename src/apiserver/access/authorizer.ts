// Decides what a user may ask of the API, and under which conditions on the objects that it is about.
import {
  forbidden,
  forbiddenBecause,
  forbiddenPath,
  isClusterRoleName,
  fieldAtPath,
  type KubeObject,
  StatusError,
} from '../../kube/index.ts'
import type { ObjectStore } from '../../store/index.ts'
import { Bindings } from './bindings.ts'
import { clusterRoles, everybody, ownNode, ownPods } from './built-in-roles.ts'
import { OwnPods } from './own-pods.ts'
import {
  allowsPath,
  allowsResource,
  missingRules,
  type PathAttributes,
  type PolicyRule,
  type ResourceAttributes,
  ruleText,
} from './policy-rule.ts'
import { administrators, type ServiceAccountName, type User, workloadOf } from './user.ts'
import { WorkloadRules } from './workload-rules.ts'

/** What a request that is let in still has to keep to. */
export interface Rights {
  /** Throws where what becomes of an object, or what is done away with, is more than its writer may. */
  readonly admit: (before: KubeObject | undefined, after: KubeObject | undefined) => void
  /** Whether an object may be shown. */
  readonly sees: (object: KubeObject) => boolean
  /** Whether the server may be told to run a command on its own machine: no binding gives that. */
  readonly mayRun: boolean
}

export type Verdict =
  | { readonly allowed: false }
  /** `only`: of those objects that are this workload's own. */
  | { readonly allowed: true; readonly only?: ServiceAccountName }

const all: Rights = { admit: () => undefined, sees: () => true, mayRun: false }

export class Authorizer {
  readonly #bindings: Bindings
  readonly #own: OwnPods
  readonly #rules: WorkloadRules

  constructor(store: ObjectStore) {
    this.#bindings = new Bindings(store)
    this.#own = new OwnPods(store)
    this.#rules = new WorkloadRules(store)
  }

  /** Throws 403. `from`: the address that is connected from; without it a workload has none. */
  rightsTo(user: User, wanted: ResourceAttributes, from = ''): Rights {
    if (user.groups.includes(administrators)) return { ...all, mayRun: true }
    const verdict = this.judge(user, wanted)
    if (!verdict.allowed) throw new StatusError(refusal(user, wanted))
    const { only } = verdict
    if (only !== undefined) return this.#rightsOfWorkload(user, wanted, { workload: only, from })
    const isBinding = wanted.group === 'rbac.authorization.k8s.io' && wanted.resource.endsWith('rolebindings')
    return isBinding ? { ...all, admit: (_before, after) => this.#checkEscalation(user, wanted, after) } : all
  }

  /** Throws 403. */
  checkPath(user: User, wanted: PathAttributes): void {
    if (!this.judgePath(user, wanted)) throw new StatusError(forbiddenPath(user.name, wanted.verb, wanted.path))
  }

  judge(user: User, wanted: ResourceAttributes): Verdict {
    if (allowsResource(this.rulesOf(user, wanted.namespace), wanted)) return { allowed: true }
    const workload = workloadOf(user)
    if (workload === undefined || !this.#isForWorkload(workload, wanted)) return { allowed: false }
    return { allowed: true, only: workload }
  }

  judgePath(user: User, wanted: PathAttributes): boolean {
    return allowsPath(this.rulesOf(user, ''), wanted)
  }

  /** Without those that hold for some objects only. */
  rulesOf(user: User, namespace: string): readonly PolicyRule[] {
    if (user.groups.includes(administrators)) return [...everybody, ...clusterRoles['cluster-admin']]
    return [...everybody, ...this.#bindings.rulesOf(user, namespace)]
  }

  /** Which verbs there are at all for the workload's own objects; a watch has to name the one that it is about. */
  #isForWorkload(workload: ServiceAccountName, wanted: ResourceAttributes): boolean {
    if (allowsResource(ownNode, wanted)) return true
    if (wanted.namespace !== workload.namespace || !allowsResource(ownPods, wanted)) return false
    if (wanted.verb === 'list' || wanted.verb === 'watch') return wanted.name !== ''
    return wanted.name === '' || wanted.resource !== 'pods' || this.#own.mayBe(workload, wanted.name)
  }

  #rightsOfWorkload(
    user: User,
    wanted: ResourceAttributes,
    { workload, from }: { readonly workload: ServiceAccountName; readonly from: string },
  ): Rights {
    const rules = this.#rules
    const isOwn = (object: KubeObject): boolean => this.#own.isAbout(workload, object)
    return {
      sees: isOwn,
      mayRun: false,
      admit(before, after) {
        if ((before !== undefined && !isOwn(before)) || (after !== undefined && !isOwn(after))) throw new StatusError(refusal(user, wanted))
        const why = after && rules.whyNot({ workload, from, before, after })
        if (why !== undefined)
          throw new StatusError(forbiddenBecause({ group: '', plural: wanted.resource }, after?.metadata.name ?? '', why))
      },
    }
  }

  /** Nobody gives away what they have not themselves. */
  #checkEscalation(user: User, { group, resource, namespace }: ResourceAttributes, binding: KubeObject | undefined): void {
    const role = fieldAtPath(binding, ['roleRef', 'name'])
    if (binding === undefined || !isClusterRoleName(role)) return
    const missing = missingRules(clusterRoles[role], this.rulesOf(user, namespace))
    if (missing.length === 0) return
    const groups = user.groups.map((one) => JSON.stringify(one)).join(' ')
    const why = `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n`
    const told = missing.map(ruleText).toSorted().join('\n')
    throw new StatusError(forbiddenBecause({ group, plural: resource }, binding.metadata.name ?? '', why + told))
  }
}

function refusal(user: User, { verb, group, resource, subresource, namespace, name }: ResourceAttributes) {
  return forbidden({
    user: user.name,
    verb,
    resource: { group, plural: resource },
    ...(subresource === '' ? {} : { subresource }),
    namespace,
    name,
  })
}
