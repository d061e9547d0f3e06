// Lists the tests of the simulation whose calls stock Envoy decides otherwise, each with the reason.

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

/** By the full name of the test. */
export const disagreements: Readonly<Record<string, string>> = {
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
  [own('240.240.9.9:81')]: 'the range is the one of our own virtual addresses, and leads nowhere outside',
  [own('198.51.100.7:81')]: 'the node’s own addresses are told to Envoy where it is started, and this one is of the test alone',
  'a Sidecar shows > a gateway passes over it': 'there is no such listener, and so nothing to connect to',
}
