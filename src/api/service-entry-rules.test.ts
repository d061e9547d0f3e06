// Holds the rules for ServiceEntry and WorkloadEntry: what is refused, what is warned of, and with which words.
import { describe, expect, test } from 'vitest'
import { findingsOf } from './testdata/findings-of.ts'

interface Row {
  readonly spec: string
  readonly finds: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

const http = 'ports: [{number: 80, name: http, protocol: HTTP}]'
const tcp = 'ports: [{number: 7000, name: tcp, protocol: TCP}]'

const entries: Record<string, Row> = {
  'a plain entry is in order': { spec: `{hosts: [a.example.test], ${http}, resolution: DNS}`, finds: [] },
  'a wildcard with NONE is in order': { spec: `{hosts: ['*.example.test'], ${http}}`, finds: [] },
  'a single label, and no ports at all': { spec: '{hosts: [a], resolution: DNS}', finds: [] },
  'no hosts': { spec: `{${http}}`, finds: ['error spec.hosts: service entry must have at least one host'] },
  everything: { spec: `{hosts: ['*'], ${http}}`, finds: ['error spec.hosts[0]: invalid host *'] },
  'an address is no host': {
    spec: `{hosts: [203.0.113.5], ${http}}`,
    finds: ['error spec.hosts[0]: domain name "0.113.5" invalid (top level domain "5" cannot be all-numeric)'],
  },
  'a wildcard that does not begin with a dot after the star matches nothing here': {
    spec: `{hosts: ['*foo.test'], ${http}}`,
    finds: [
      'warning spec.hosts[0]: partial wildcard "*foo.test" not allowed',
      'unsupported spec.hosts[0]: host "*foo.test" is spelled in a way that no name is matched by; traffic to it is refused',
    ],
  },
  'capitals and a dot at the end are told': {
    spec: `{hosts: [A.example.test, b.example.test.], ${http}, resolution: DNS}`,
    finds: [
      `warning spec.hosts[0]: host "A.example.test" is not in its plain form; Istio's proxies compare it as it is written and mostly miss it`,
      `warning spec.hosts[1]: host "b.example.test." is not in its plain form; Istio's proxies compare it as it is written and mostly miss it`,
    ],
  },
  'a wildcard cannot be resolved by DNS without endpoints': {
    spec: `{hosts: ['*.example.test'], ${http}, resolution: DNS}`,
    finds: [
      'error spec.hosts[0]: hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for resolution mode DNS, domain name "*.example.test" invalid (label "*" invalid)',
    ],
  },
  'a wildcard with endpoints can': {
    spec: `{hosts: ['*.example.test'], ${http}, resolution: DNS, endpoints: [{address: b.example.test}]}`,
    finds: [],
  },
  'addresses: host bits and everything pass, a name does not': {
    spec: `{hosts: [a.test], ${tcp}, addresses: [203.0.113.5/28, 0.0.0.0/0, '2001:db8::/32', b.test]}`,
    finds: ['error spec.addresses[3]: b.test is not a valid IP'],
  },
  'a range needs NONE or STATIC': {
    spec: `{hosts: [a.test], ${http}, addresses: [203.0.113.0/28], resolution: DNS}`,
    finds: ['error spec.addresses[0]: CIDR addresses are allowed only for NONE/STATIC resolution types'],
  },
  'TCP without addresses is warned of': {
    spec: `{hosts: [a.test], ${tcp}, resolution: DNS}`,
    finds: [
      'warning spec.ports[0]: port 7000 is of protocol TCP and the entry has no addresses: plain TCP does not say which host is meant, so only the addresses that the host resolves to, or that Sallyport gives it, are let through',
    ],
  },
  'two ports of one name, two of one number': {
    spec: '{hosts: [a.test], ports: [{number: 80, name: a, protocol: HTTP}, {number: 81, name: a, protocol: HTTP}, {number: 80, name: b, protocol: HTTP}]}',
    finds: [
      'error spec.ports[1].name: service entry port name "a" already defined',
      'error spec.ports[2].number: service entry port 80 already defined',
    ],
  },
  'port numbers have limits': {
    spec: '{hosts: [a.test], ports: [{number: 0, name: a, protocol: HTTP}, {number: 65536, name: b, protocol: HTTP, targetPort: 70000}]}',
    finds: [
      'error spec.ports[0].number: port number 0 must be in the range 1..65535',
      'error spec.ports[1].targetPort: port number 70000 must be in the range 1..65535',
      'error spec.ports[1].number: port number 65536 must be in the range 1..65535',
    ],
  },
  'protocols: any case, but not any word': {
    spec: '{hosts: [a.test], ports: [{number: 80, name: a, protocol: http}, {number: 25, name: b, protocol: SMTP}]}',
    finds: ['error spec.ports[1].protocol: unsupported protocol: SMTP'],
  },
  'HTTP/2 is carried out, gRPC-Web not translated, and a port of UDP refused': {
    spec: '{hosts: [a.test], ports: [{number: 80, name: a, protocol: HTTP2}, {number: 81, name: b, protocol: grpc-web}, {number: 53, name: c, protocol: UDP}]}',
    finds: [
      'warning spec.ports[1].protocol: gRPC-Web is not translated into gRPC yet: it is passed on as it is, over HTTP/2',
      'unsupported spec.ports[2].protocol: UDP is not carried out: no datagram gets out, as in Istio',
    ],
  },
  'NONE has no endpoints': {
    spec: `{hosts: [a.test], ${http}, endpoints: [{address: 203.0.113.5}]}`,
    finds: ['error spec.endpoints: no endpoints should be provided for resolution type none'],
  },
  'STATIC endpoints are addresses, with ports that the entry has': {
    spec: `{hosts: [a.test], ${http}, resolution: STATIC, endpoints: [{address: b.test}, {address: 203.0.113.5, ports: {other: 80}}, {}]}`,
    finds: [
      'error spec.endpoints[0].address: endpoint address "b.test" is not a valid IP address',
      'error spec.endpoints[1].ports.other: endpoint port 80 is not defined by the service entry',
      'error spec.endpoints[2].address: address is required',
    ],
  },
  'sockets of the file system are checked, and not dialled': {
    spec: `{hosts: [a.test], ${http}, resolution: STATIC, endpoints: [{address: 'unix://relative', ports: {http: 80}}]}`,
    finds: [
      'error spec.endpoints[0].address: relative is not an absolute path to a file',
      'error spec.endpoints[0].ports: unix endpoint unix://relative must not include ports',
      'unsupported spec.endpoints[0].address: sockets of the file system are not dialled yet: connections to this endpoint are refused',
    ],
  },
  'round robin over names takes one endpoint': {
    spec: `{hosts: [a.test], ${http}, resolution: DNS_ROUND_ROBIN, endpoints: [{address: b.test}, {address: c.test}]}`,
    finds: ['error spec.endpoints: there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN'],
  },
  'a selector excludes endpoints, and an empty one is warned of': {
    spec: `{hosts: [a.test], ${http}, resolution: STATIC, workloadSelector: {labels: {}}, endpoints: [{address: 203.0.113.5}]}`,
    finds: [
      'warning spec.workloadSelector: service entry: workload selector specified without labels, will be applied to all services in namespace',
      'error spec.workloadSelector: only one of WorkloadSelector or Endpoints is allowed in Service Entry',
    ],
  },
  'plain TCP cannot tell two hosts apart': {
    spec: `{hosts: [a.test, b.test], ${tcp}, addresses: [203.0.113.5], resolution: STATIC, endpoints: [{address: 203.0.113.5}]}`,
    finds: ['error spec.ports[0]: multiple hosts provided with non-HTTP, non-TLS ports'],
  },
  'exportTo: the rules of names, of twice, of all and of none': {
    spec: `{hosts: [a.test], ${http}, exportTo: ['~', default, ., 'not/valid', '*']}`,
    finds: [
      'error spec.exportTo[2]: duplicate entries in exportTo: . and current namespace default',
      'error spec.exportTo[3]: only .,*, or a valid DNS 1123 label is allowed as exportTo entry',
      'error spec.exportTo: cannot have both public (*) and non-public exportTo values for a resource',
      'error spec.exportTo: cannot export service entry to no one (~) and someone',
    ],
  },
  'DYNAMIC_DNS is judged as Istio does, and not carried out': {
    spec: `{hosts: [a.test], ${tcp}, addresses: [203.0.113.5], resolution: DYNAMIC_DNS, location: MESH_INTERNAL}`,
    finds: [
      'unsupported spec.resolution: resolution DYNAMIC_DNS is understood but not carried out yet: connections to these hosts are refused; NONE with a wildcard host resolves each name asked for',
      'error spec.hosts[0]: hosts must be wildcard for resolution mode DYNAMIC_DNS',
      'error spec.addresses: addresses are not allowed for resolution mode DYNAMIC_DNS',
      'error spec.location: resolution mode DYNAMIC_DNS is for hosts of location MESH_EXTERNAL',
      'error spec.ports[0].protocol: only HTTP and TLS ports are allowed for resolution mode DYNAMIC_DNS',
    ],
  },
  'a waypoint would lead elsewhere': {
    spec: `{hosts: [a.test], ${http}}`,
    labels: { 'istio.io/use-waypoint': 'egress' },
    finds: [
      'unsupported metadata.labels["istio.io/use-waypoint"]: the label istio.io/use-waypoint is understood but not carried out yet: connections to these hosts are refused',
    ],
  },
}

describe('ServiceEntry', () => {
  for (const [name, { spec, finds, labels }] of Object.entries(entries)) {
    test(name, () => expect(findingsOf('ServiceEntry', spec, { labels: labels ?? {} })).toEqual(finds))
  }
})

const workloads: Record<string, Row> = {
  'an address, or a name': { spec: '{address: a.example.test, ports: {http: 80}, labels: {app: x}}', finds: [] },
  neither: { spec: "{address: 'a b'}", finds: ['error spec.address: endpoint address "a b" is not a valid FQDN or an IP address'] },
  'no address': { spec: '{labels: {a: b}}', finds: ['error spec.address: address is required'] },
  'a network in place of an address': {
    spec: '{network: far}',
    finds: [
      'warning spec.network: network is not carried out yet: the endpoint is dialled directly, not by way of a gateway between networks',
      'warning spec.address: address is unset with network "far"',
    ],
  },
  'ports and labels follow their rules': {
    spec: "{address: 203.0.113.5, ports: {'a b': 70000}, labels: {'': x}}",
    finds: [
      'error spec.ports["a b"]: invalid port name: a b',
      'error spec.ports["a b"]: port number 70000 must be in the range 1..65535',
      'error spec.labels: invalid tag key: ""',
    ],
  },
}

describe('WorkloadEntry', () => {
  for (const [name, { spec, finds }] of Object.entries(workloads))
    test(name, () => expect(findingsOf('WorkloadEntry', spec)).toEqual(finds))
})
