// Finds what would have narrowed or protected the traffic of a proxy and is not carried out: nothing of that proxy may pass.
import type { Governed } from '../api/index.ts'
import { hasLabels } from '../registry/index.ts'
import type { SallyportMetadata } from '../xds/index.ts'
import { type Context, refMetadata, refuseUnsupported } from './context.ts'

/** Istio enforces these where connections come in, which of our proxies only gateways see. */
const atGatewaysOnly: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'RequestAuthentication'])

/** What refuses all traffic of the proxy. */
export function governing(ctx: Context): SallyportMetadata | undefined {
  const governed = (ctx.model.resources.governed ?? []).find((one) => governs(ctx, one))
  if (governed !== undefined) return governedMetadata(governed)
  const { sidecar } = ctx.scope
  const field = sidecar?.unsupported.find((path) => !path.startsWith('spec.outboundTrafficPolicy'))
  return sidecar === undefined || field === undefined ? undefined : refuseUnsupported({ ref: sidecar.ref, field })
}

function governs(ctx: Context, governed: Governed): boolean {
  const { role, namespace, labels } = ctx.proxy
  if (role === 'sidecar' && atGatewaysOnly.has(governed.kind)) return false
  if (governed.scope === 'mesh') return true
  const isNear = governed.namespace === namespace || governed.namespace === ctx.model.rootNamespace
  return isNear && (governed.scope === 'namespace' || hasLabels(labels, governed.labels ?? {}))
}

function governedMetadata(governed: Governed): SallyportMetadata {
  const name = governed.namespace === '' ? governed.name : `${governed.namespace}/${governed.name}`
  return {
    ...refMetadata(governed, 'spec'),
    refuse: 'not-supported',
    refuseText: `${governed.kind} ${name} governs all traffic here, and it is not carried out yet`,
  }
}
