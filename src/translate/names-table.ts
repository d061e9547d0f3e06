// Says what the workload's DNS answers for every declared name.
import { parseIp, type Steps } from '../base/index.ts'
import type { Destination } from '../model/index.ts'
import type { VirtualAddresses } from '../registry/index.ts'
import { create } from '../xds/index.ts'
import { type DnsTable_DnsVirtualDomain, DnsTable_DnsVirtualDomainSchema } from '../xds/gen/envoy/data/dns/v3/dns_table_pb.js'
import type { Context } from './context.ts'
import type { Filling } from './memo.ts'
import { unchanged } from './messages.ts'
import { followParts } from '../base/index.ts'

/** No address means: answer with what the name resolves to. A host that leads to a gateway of this process is nobody's to ask for. */
export function* declaredNames(ctx: Context): Steps<ReadonlyMap<string, DnsTable_DnsVirtualDomain>> {
  const { destinations } = ctx.scope
  const asked = ctx.embedded.size === 0 ? destinations : destinations.filter(({ service }) => !ctx.embedded.has(service.host))
  const beside = { stamp: ctx.model.virtualAddresses, of: ({ parts }: Destination) => addressesOf(ctx, parts) }
  const names = yield* ctx.kept.names.all(ctx, asked, [beside])
  const { maps } = ctx.kept
  maps.names = yield* followParts(maps.names, { fixed: maps.names.fixed, parts: names }, (name) => [[name.name, name]])
  return maps.names.map
}

export function fillName(ctx: Context, { service, parts }: Destination): Filling<DnsTable_DnsVirtualDomain> {
  const virtual = addressesOf(ctx, parts)
  const make = (): DnsTable_DnsVirtualDomain => {
    const given = parts.flatMap((part) => part.addresses.filter((address) => parseIp(address) !== undefined))
    const address = given.length > 0 || virtual === undefined ? given : [virtual.v4, virtual.v6]
    const now = create(DnsTable_DnsVirtualDomainSchema, {
      name: service.host,
      endpoint: { endpointConfig: { case: 'addressList', value: { address } } },
    })
    return unchanged(DnsTable_DnsVirtualDomainSchema, ctx.kept.maps.names.map.get(service.host), now)
  }
  return { inputs: [virtual], isSettled: true, make }
}

/** Declarations of one host in one namespace share their virtual address. */
function addressesOf(ctx: Context, [first]: Destination['parts']): VirtualAddresses | undefined {
  return first && ctx.model.virtualAddresses(first)
}
