// Describes every field of ServiceEntry and WorkloadEntry, and what Sallyport does with it.
import { choice, idle, integer, labels, list, map, object, text, texts, warn } from './schema.ts'

const port = (description: string) => integer(description, { min: 0, max: 4_294_967_295 })

const workloadFields = {
  address: text('an IP address; with DNS resolution also a name', { maxLength: 256 }),
  ports: map('port numbers of this endpoint by the name of the service port', port('the port that this endpoint listens on'), {
    maxItems: 128,
  }),
  labels: labels('labels by which subsets, selectors and gateways choose this endpoint'),
  network: warn(
    'the endpoint is dialled directly, not by way of a gateway between networks',
    text('the network it is in', { maxLength: 2048 }),
  ),
  locality: warn('endpoints are chosen without regard to where they are', text('region/zone/subzone', { maxLength: 2048 })),
  weight: port('share of the traffic in proportion to the other endpoints'),
  serviceAccount: idle('connections to endpoints carry no mutual TLS yet', text('the identity it runs under', { maxLength: 253 })),
}

export const workloadEntrySchema = object('an endpoint that ServiceEntries select by its labels', workloadFields)

export const serviceEntrySchema = object('hosts outside or inside the mesh that traffic may go to', {
  hosts: texts('the names that are declared: DNS names, or `*.` and a domain', { maxItems: 256 }),
  addresses: texts('virtual addresses or ranges in CIDR notation by which the hosts are reached', { maxItems: 256, maxLength: 64 }),
  ports: list(
    'the ports that are open',
    object(
      'one port',
      {
        number: port('the port that clients dial'),
        name: text('a name for the port', { maxLength: 256 }),
        protocol: text('HTTP, HTTPS, TLS, TCP, MONGO, REDIS or MYSQL in any case; absent: found out from the first bytes', {
          maxLength: 256,
        }),
        targetPort: port('the port that the endpoints listen on, where it differs'),
      },
      { required: ['number', 'name'] },
    ),
    { maxItems: 256, keys: ['name'] },
  ),
  location: choice('MESH_EXTERNAL, which is the default, or MESH_INTERNAL', ['MESH_EXTERNAL', 'MESH_INTERNAL']),
  resolution: choice('how the address to dial is found; NONE is the default', {
    NONE: true,
    STATIC: true,
    DNS: true,
    DNS_ROUND_ROBIN: true,
    DYNAMIC_DNS: {
      support: 'deny',
      consequence: 'connections to these hosts are refused; NONE with a wildcard host resolves each name asked for',
    },
  }),
  endpoints: list('the addresses behind the hosts', object('one endpoint', workloadFields), { maxItems: 4096 }),
  workloadSelector: object('chooses WorkloadEntries of the same namespace as endpoints', { labels: labels('the labels they must have') }),
  exportTo: texts('the namespaces that see it: `*` all, `.` its own, `~` none, or names'),
  subjectAltNames: texts('names of which one has to be in the certificate, where a DestinationRule begins TLS and lists none itself'),
})
