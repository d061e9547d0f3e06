// Says whom a server of the API gives configuration: the administrator any node's, a workload its own.
import type { Authenticate } from '../apiserver/index.ts'
import type { CallProof, NodeIdentity } from '../xds/index.ts'

export interface XdsGuard {
  /** Why this client is not given what the node should have, or not any more; undefined where it is. */
  readonly refusalOf: (node: NodeIdentity, proof: CallProof) => string | undefined
  /** Whether it may see what every client has. */
  readonly mayLook: (proof: CallProof) => boolean
}

const administrators = 'system:masters'

export function xdsGuard(authenticate: Authenticate): XdsGuard {
  return {
    refusalOf({ namespace, serviceAccount = 'default' }, proof) {
      const user = authenticate(proof)
      if (user === undefined) return 'Unauthorized: neither a token nor a certificate that is known and valid now'
      if (user.groups.includes(administrators)) return undefined
      const own = `system:serviceaccount:${namespace}:${serviceAccount}`
      if (user.name === own) return undefined
      return `Forbidden: ${user.name} may not have the configuration of service account ${serviceAccount} in namespace ${namespace}`
    },
    mayLook: (proof) => authenticate(proof)?.groups.includes(administrators) === true,
  }
}
