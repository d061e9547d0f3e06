// Lists the tests of the simulation whose calls a live engine decides otherwise than the pipeline, each with the reason.

export const engines = ['sallyport', 'envoy'] as const
export type Engine = (typeof engines)[number]

const resolved = 'Envoy cannot ask what a name resolves to before it chooses a chain (engine difference "resolved-address")'
const header = 'a PROXY protocol header with such a destination is refused by Envoy: the connection is closed before it is one'
const own = (address: string): string => `under ALLOW_ANY, this machine and its link are not "any" > ${address}`

/** Chance decides there, or what is asked is no request that could be written: by the full name of the test. */
export const unplayable: ReadonlySet<string> = new Set(
  ['a query parameter', 'header operations of the destination that is chosen, the rule’s last'].flatMap((name) => [
    `at a sidecar > ${name}`,
    `at a gateway > ${name}`,
  ]),
)

const common: Readonly<Record<string, string>> = {
  'a Sidecar shows > a gateway passes over it': 'there is no such listener, and so nothing to connect to',
  [own('198.51.100.7:81')]: 'the node’s own addresses are those of the machine where it runs, and this one is of the test alone',
}

const loopback = 'what a workload dials at its own loopback addresses stays in its seal, and never comes to the proxy'
const behindSocket = 'such a gateway listens at Unix sockets only, and is started by its sidecar'
const unroutable = 'no connection can be made to such an address, and so none comes to the proxy'

const ofSallyport: Readonly<Record<string, string>> = {
  [own('0.0.0.0:81')]: loopback,
  [own('0.0.0.0:80')]: loopback,
  [own('[::]:81')]: loopback,
  [own('127.0.0.1:81')]: loopback,
  [own('[::1]:81')]: loopback,
  [own('[fe80::1]:81')]: unroutable,
  [own('224.0.0.1:81')]: unroutable,
  'a rule that leads the gateway to itself > also where the gateway stands beside the sidecar': behindSocket,
  'strict > the gateway behind the socket sends HTTP on to the host': behindSocket,
  'istio > the gateway behind the socket sends HTTP on to the host': behindSocket,
}

const rows = (settings: readonly string[], row: string, reason: string): Readonly<Record<string, string>> =>
  Object.fromEntries(settings.map((setting) => [`${setting} > ${row}`, reason]))
const strict = ['strict > REGISTRY_ONLY', 'strict > ALLOW_ANY']
const istio = ['istio > REGISTRY_ONLY', 'istio > ALLOW_ANY']
const silent = 'Envoy waits for a first byte as long as it takes, and when the client has left it has chosen nothing'

const ofEnvoy: Readonly<Record<string, string>> = {
  ...rows(strict, '15: TCP to where the name of a service without addresses leads', resolved),
  ...rows(['strict > REGISTRY_ONLY', ...istio], '19: a client that waits for the server to speak, on a port of HTTP', silent),
  ...rows(istio, '19: a client that waits for the server to speak, at the address of a service that says no protocol', silent),
  ...rows(
    [...strict, ...istio],
    '25: CONNECT to a known host',
    'Envoy finds no route for it among those of the host, and so the record names the host’s declaration',
  ),
  'strict > TCP without addresses takes an address that the host resolves to': resolved,
  'strict > TCP without addresses and without resolution is resolved here': resolved,
  'strict > of two TCP hosts without addresses on one port each takes its own': resolved,
  'a TCP host without addresses > is found by the endpoints that it declares': resolved,
  'a TCP host without addresses > also when a rule leads its connections through a gateway': resolved,
  'listeners of a Sidecar > the listener says what is spoken': resolved,
  [own('0.0.0.0:81')]: header,
  [own('0.0.0.0:80')]: header,
  [own('[::]:81')]: header,
  [own('[::ffff:169.254.169.254]:81')]: header,
  [own('224.0.0.1:81')]: header,
  'strict > a sniffed wildcard without addresses opens requests only, which name their host':
    'Envoy has no other port to dial than that of the Host header (engine difference "port-of-host")',
  'a wildcard > leads to no private address':
    'names come from a hosts file here, which Envoy reads by itself (engine difference "hosts-file")',
  [own('240.240.9.9:81')]: 'the range is the one of our own virtual addresses, and leads nowhere outside',
}

/** By the full name of the test. */
export const disagreements: Readonly<Record<Engine, Readonly<Record<string, string>>>> = {
  sallyport: { ...common, ...ofSallyport },
  envoy: { ...common, ...ofEnvoy },
}
