// Keeps a wildcard from opening what a narrower declaration leaves closed: the most specific declaration of a name is the only one.
import { HostIndex, isWildcardHost, type Service } from '../registry/index.ts'
import { type ChainPlan, planChain } from './chain-plan.ts'
import { type Context, refMetadata } from './context.ts'
import { catchAllRefusal } from './http-routes.ts'
import { tcpProxy } from './messages.ts'
import { blackHole } from './names.ts'
import type { VirtualHost } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { SallyportMetadata } from '../xds/index.ts'
import { virtualHost } from './route-tables.ts'

/** A declared host, and a port that only a wider wildcard opens for it. */
export interface Closed {
  readonly service: Service
  readonly wider: string
  readonly port: number
  readonly family: 'http' | 'tls'
}

/**
 * Differs from Istio, where the wildcard takes what the narrower entry does not have. A narrower entry that has the port is left alone,
 * whatever it speaks there, unless it speaks TLS only and the wildcard would send plain requests.
 */
export function closedPorts(ctx: Context): readonly Closed[] {
  if (!ctx.strict) return []
  const wildcards = new HostIndex<Service>()
  for (const service of ctx.scope.services) if (isWildcardHost(service.host)) wildcards.add(service.host, service)
  if (wildcards.isEmpty) return []
  return ctx.scope.destinations.flatMap(({ service }) =>
    wildcards
      .covering(service.host)
      .filter(({ pattern }) => pattern !== service.host)
      .flatMap(({ values }) => values.flatMap((wider) => closedBy(service, wider))),
  )
}

function closedBy(service: Service, wider: Service): Closed[] {
  return wider.ports.flatMap(({ number: port, family }) => {
    if (family !== 'http' && family !== 'tls') return []
    const own = service.ports.find((one) => one.number === port)
    const isOpen = own !== undefined && !(family === 'http' && own.family === 'tls') && !(family === 'tls' && own.family === 'http')
    return isOpen ? [] : [{ service, wider: wider.host, port, family }]
  })
}

export function refusingChain(ctx: Context, closed: Closed): ChainPlan {
  const metadata = metadataOf(closed)
  return ctx.kept.memo.get(closed.service, `closed ${closed.port}`, [closed.wider], () =>
    planChain({
      match: { serverNames: [closed.service.host] },
      filter: tcpProxy([{ cluster: blackHole, weight: 1 }], blackHole),
      metadata,
    }),
  )
}

export function refusingHost(ctx: Context, closed: Closed): VirtualHost {
  const { host } = closed.service
  const metadata = metadataOf(closed)
  return ctx.kept.memo.get(closed.service, `closed host ${closed.port}`, [closed.wider], () =>
    virtualHost({ name: `${host}:${closed.port}`, domains: [host, `${host}.`], routes: [catchAllRefusal(metadata)], metadata }),
  )
}

function metadataOf({ service, wider, port, family }: Closed): SallyportMetadata {
  const what = family === 'http' ? 'HTTP' : 'TLS'
  return {
    ...refMetadata(service.ref, service.field),
    refuse: 'not-declared',
    refuseText: `${service.host} is declared without ${what} on port ${port}; the wider ${wider} does not speak for it`,
  }
}
