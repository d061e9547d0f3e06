// Finds what would have narrowed or protected the traffic of a proxy and is not carried out: nothing of that proxy may pass.
import type { Governed } from '../api/index.ts'
import { hasLabels } from '../registry/index.ts'
import type { SallyportMetadata } from '../xds/index.ts'
import { type Context, refMetadata } from './context.ts'

/** Istio enforces these where connections come in, which of our proxies only gateways see. */
const atGatewaysOnly: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'RequestAuthentication'])
/** Istio passes over these for gateways. */
const atSidecarsOnly: ReadonlySet<string> = new Set(['Sidecar'])

export function governing(ctx: Context): Governed | undefined {
  return (ctx.model.resources.governed ?? []).find((governed) => governs(ctx, governed))
}

function governs(ctx: Context, governed: Governed): boolean {
  const { role, namespace, labels } = ctx.proxy
  const elsewhere = role === 'sidecar' ? atGatewaysOnly : atSidecarsOnly
  if (elsewhere.has(governed.kind)) return false
  if (governed.scope === 'mesh') return true
  const isNear = governed.namespace === namespace || governed.namespace === ctx.model.rootNamespace
  return isNear && (governed.scope === 'namespace' || hasLabels(labels, governed.labels ?? {}))
}

export function governedMetadata(governed: Governed): SallyportMetadata {
  const name = governed.namespace === '' ? governed.name : `${governed.namespace}/${governed.name}`
  return {
    ...refMetadata(governed, 'spec'),
    refuse: 'not-supported',
    refuseText: `${governed.kind} ${name} governs all traffic here, and it is not carried out yet`,
  }
}
