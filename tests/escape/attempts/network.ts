// Attempts by packets and connections: every protocol, every kind of address, every option that a socket has.
import type { Attempt, Need } from '../attempt.ts'
import type { Step } from '../attacker/steps.ts'

const theme = 'network'

const toAddresses: readonly Attempt[] = [
  connection('TCP to an IPv4 address', '{v4}:80'),
  connection('TCP to an IPv6 address', '[{v6}]:80'),
  connection('TCP to an unusual port', '{v4}:{port}'),
  connection('SSH to an address', '{v4}:22', ['SSH-2.0-{token}\r\n']),
  connection('plain HTTP on port 443', '{v4}:443', ['GET / HTTP/1.1\r\nHost: {token}\r\n\r\n']),
  connection('TLS without a server name', '{v4}:443', [
    'hex:16030100330100002f0303e5ca9e00000000000000000000000000000000000000000000000000000000000000000213010100000400170000',
  ]),
  ...[15000, 15001, 15006, 15008, 15021, 15053, 15090].map((port) =>
    connection(`TCP to port ${port}, which Istio uses or exempts`, `{v4}:${port}`),
  ),
  connection('TCP to the metadata address', '169.254.169.254:{port}'),
  connection('TCP to the metadata address of another cloud', '100.100.100.200:{port}'),
  connection('TCP to the metadata address of IPv6', '[fd00:ec2::254]:{port}'),
  connection('the metadata address as mapped IPv6', '[::ffff:169.254.169.254]:{port}'),
  connection('the metadata address by NAT64', '[64:ff9b::a9fe:a9fe]:{port}'),
  connection('the metadata address by 6to4', '[2002:a9fe:a9fe::1]:{port}'),
  connection('the metadata address by Teredo', '[2001:0:a9fe:a9fe::1]:{port}'),
  connection('the metadata address as compatible IPv6', '[::a9fe:a9fe]:{port}'),
  ...['2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.43518', '0xa9.0376.43518'].map((spelling) =>
    connection(`the metadata address spelled ${spelling}`, `${spelling}:{port}`),
  ),
  connection('TCP to the router', '{gateway4}:{port}'),
  { ...connection('TCP to the router by its link-local address', '[fe80::1%*]:{port}'), recorded: false },
]

/** Everything that listens on the machine itself is outside. What a sealed program finds there is its own. */
const toTheMachine: readonly Attempt[] = [
  connection('TCP to the machine’s own address', '{own4}:{port}'),
  connection('TCP to the machine’s own IPv6 address', '[{own6}]:{port}'),
  ...['127.0.0.1', '[::1]', '127.8.8.8', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', 'localhost'].map((host) => ({
    ...connection(`TCP to the machine’s loopback as ${host}`, `${host}:{port}`),
    recorded: false,
  })),
  { ...datagram('UDP to the machine’s loopback', '127.0.0.1:{port}'), recorded: false },
]

const datagrams: readonly Attempt[] = [
  datagram('UDP to any port', '{v4}:{port}'),
  datagram('UDP over IPv6', '[{v6}]:{port}'),
  datagram('UDP to NTP', '{v4}:123', `hex:e3${'00'.repeat(39)}${'7e'.repeat(8)}`),
  datagram('QUIC', '{v4}:443', `hex:c3000000010811223344556677880000449e${'5a'.repeat(1182)}`),
  datagram('QUIC over IPv6', '[{v6}]:443', `hex:c3000000010811223344556677880000449e${'5a'.repeat(1182)}`),
  datagram('UDP to syslog', '{v4}:514', '<13>{token}'),
  datagram('UDP to the router', '{gateway4}:{port}'),
  datagram('UDP to the metadata address', '169.254.169.254:{port}'),
  { name: 'UDP to everybody', theme, attack: [{ do: 'udp', to: '255.255.255.255:{port}', broadcast: true }] },
  { name: 'UDP to everybody on the link', theme, attack: [{ do: 'udp', to: '192.0.2.255:{port}', broadcast: true }] },
  { name: 'multicast', theme, attack: [{ do: 'udp', to: '239.1.2.3:{port}', multicast: true }] },
  { name: 'multicast over IPv6', theme, attack: [{ do: 'udp', to: '[ff02::1%*]:{port}' }] },
  {
    name: 'service discovery by multicast',
    theme,
    attack: [{ do: 'udp', to: '239.255.255.250:1900', data: 'M-SEARCH * HTTP/1.1\r\nST: {token}\r\n\r\n' }],
  },
]

const [ip, ipv6, tcpLevel, socketLevel] = [0, 41, 6, 1]
const one = '01000000'

const otherProtocols: readonly Attempt[] = [
  special('ping', { do: 'socket', family: 'inet', type: 'datagram', protocol: 1, to: '{v4}:0', data: 'hex:0800000000000001' }),
  special('ping over IPv6', {
    do: 'socket',
    family: 'inet6',
    type: 'datagram',
    protocol: 58,
    to: '[{v6}]:0',
    data: 'hex:8000000000000001',
  }),
  special('raw ICMP', { do: 'socket', family: 'inet', type: 'raw', protocol: 1, to: '{v4}:0', data: 'hex:0800f7fe00000001' }, 'root'),
  special(
    'raw ICMP over IPv6',
    { do: 'socket', family: 'inet6', type: 'raw', protocol: 58, to: '[{v6}]:0', data: 'hex:8000000000000001' },
    'root',
  ),
  special(
    'ICMP that tells of a redirect',
    { do: 'socket', family: 'inet', type: 'raw', protocol: 1, to: '{v4}:0', data: 'hex:0501000000000000' },
    'root',
  ),
  special('GRE', { do: 'socket', family: 'inet', type: 'raw', protocol: 47, to: '{v4}:0' }, 'root'),
  special('IP in IP', { do: 'socket', family: 'inet', type: 'raw', protocol: 4, to: '{v4}:0' }, 'root'),
  special('ESP', { do: 'socket', family: 'inet', type: 'raw', protocol: 50, to: '{v4}:0' }, 'root'),
  special('a protocol without a name', { do: 'socket', family: 'inet', type: 'raw', protocol: 253, to: '{v4}:0' }, 'root'),
  special('a protocol without a name, over IPv6', { do: 'socket', family: 'inet6', type: 'raw', protocol: 253, to: '[{v6}]:0' }, 'root'),
  special(
    'TCP segments made by hand',
    { do: 'socket', family: 'inet', type: 'raw', protocol: 6, to: '{v4}:0', data: 'hex:4e20005000000001000000005002faf000000000' },
    'root',
  ),
  special(
    'a whole IP packet made by hand, with a false source',
    {
      do: 'socket',
      family: 'inet',
      type: 'raw',
      protocol: 255,
      to: '{v4}:0',
      data: 'hex:4500000000010000401100000808080808080404{portHex}{portHex}00280000{tokenHex}',
    },
    'root',
  ),
  special('SCTP', { do: 'socket', family: 'inet', type: 'stream', protocol: 132, to: '{v4}:80' }, 'sctp'),
  special('DCCP', { do: 'socket', family: 'inet', type: 'stream', protocol: 33, to: '{v4}:80' }, 'dccp'),
  special('UDP-Lite', { do: 'socket', family: 'inet', type: 'datagram', protocol: 136, to: '{v4}:{port}' }, 'udplite'),
  special('UDP-Lite over IPv6', { do: 'socket', family: 'inet6', type: 'datagram', protocol: 136, to: '[{v6}]:{port}' }, 'udplite'),
  { ...special('Multipath TCP', { do: 'socket', family: 'inet', type: 'stream', protocol: 262, to: '{v4}:80' }, 'mptcp'), recorded: true },
  special('TCP through SMC', { do: 'socket', family: 'smc', type: 'stream', to: '{v4}:80' }, 'smc'),
  special('a whole frame on every interface', { do: 'frame', data: '{token}' }, 'root'),
]

const socketOptions: readonly Attempt[] = [
  {
    ...special('data in the first packet (TCP Fast Open)', { do: 'socket', family: 'inet', type: 'stream', to: '{v4}:80', fastOpen: true }),
    recorded: true,
  },
  withOption('bound to an interface', { level: socketLevel, name: 25, value: 'device' }),
  withOption('marked as a proxy marks its own', { level: socketLevel, name: 36, value: '39050000' }, 'root'),
  special('TCP without routing', {
    do: 'socket',
    family: 'inet',
    type: 'stream',
    to: '{gateway4}:{port}',
    options: [{ level: socketLevel, name: 5, value: one }],
  }),
  special(
    'TCP with a source route',
    { do: 'socket', family: 'inet', type: 'stream', to: '{v4}:{port}', options: [{ level: ip, name: 4, value: '830704c000020100' }] },
    'root',
  ),
  withOption('as a transparent proxy', { level: ip, name: 19, value: one }, 'root'),
  withOption('with a congestion control of its own', { level: tcpLevel, name: 13, value: Buffer.from('reno').toString('hex') }),
  datagramWithOption('UDP bound to an interface', { level: socketLevel, name: 25, value: 'device' }),
  {
    ...special('UDP over IPv6 bound to an interface', {
      do: 'socket',
      family: 'inet6',
      type: 'datagram',
      to: '[{v6}]:{port}',
      options: [{ level: ipv6, name: 25, value: 'device' }],
    }),
  },
  { name: 'TCP from a source that Istio exempts (127.0.0.6)', theme, attack: [{ do: 'tcp', to: '{v4}:80', from: '127.0.0.6:0' }] },
  { name: 'TCP from port 15001', theme, recorded: true, attack: [{ do: 'tcp', to: '{v4}:80', from: '0.0.0.0:15001' }] },
  {
    name: 'as uid 1337, which Istio exempts',
    theme,
    needs: ['root'],
    recorded: true,
    attack: [
      {
        do: 'alone',
        steps: [
          { do: 'become', uid: 1337 },
          { do: 'tcp', to: '{v4}:80' },
        ],
      },
    ],
  },
  {
    name: 'as gid 1337, which Istio exempts',
    theme,
    needs: ['root'],
    recorded: true,
    attack: [
      {
        do: 'alone',
        steps: [
          { do: 'become', gid: 1337 },
          { do: 'tcp', to: '{v4}:80' },
        ],
      },
    ],
  },
]

/** As soon as a program may change how packets are sent, no rule holds. */
const reconfiguration: readonly Attempt[] = [
  changing('adds a route', [['ip', 'route', 'replace', '{unrouted}/32', 'via', '{gateway4}']], '{unrouted}:80'),
  changing(
    'adds an interface and an address',
    [
      ['ip', 'link', 'add', 'esc{index}', 'type', 'dummy'],
      ['ip', 'addr', 'add', '{unrouted}/32', 'dev', 'esc{index}'],
      ['ip', 'route', 'replace', '{unrouted}/32', 'via', '{gateway4}'],
    ],
    '{unrouted}:80',
  ),
  changing('flushes the firewall', [['nft', 'flush', 'ruleset']], '{walled}:80'),
  changing('puts its own rule before the firewall’s', [['nft', 'add table ip esc{index}; delete table ip wall']], '{walled}:80'),
  { name: 'straight to the ports that the sidecar listens on', theme, attack: [{ do: 'connectToListeners' }] },
  {
    name: 'takes over the ports that the sidecar listens on',
    theme,
    recorded: true,
    serial: true,
    attack: [{ do: 'takeOverPorts', to: '{v4}:80' }],
  },
  {
    name: 'a proxy on the machine, by the usual variables',
    theme,
    attack: [{ do: 'run', argv: ['curl', '-sS', '-m', '2', '-x', 'http://127.0.0.1:3128', 'http://{token}.test/'] }],
  },
  program('netcat to an address', 'busybox', 'nc', '-w', '1', '{v4}', '80'),
  program('git to an address', 'git', 'ls-remote', 'http://{v4}/{token}'),
  program(
    'ssh to an address',
    'ssh',
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=1',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '{token}@{v4}',
  ),
  {
    ...program('python to an address', 'python3', '-c', 'import socket; socket.create_connection(("{v4}", 80), 2).send(b"{token}")'),
    needs: ['python3'],
  },
  { name: 'curl to an address', theme, recorded: true, attack: [{ do: 'run', argv: ['curl', '-sS', '-m', '2', 'http://{v4}/{token}'] }] },
  {
    name: 'curl to an IPv6 address',
    theme,
    recorded: true,
    attack: [{ do: 'run', argv: ['curl', '-sS', '-g', '-m', '2', 'http://[{v6}]/{token}'] }],
  },
]

export const networkAttempts: readonly Attempt[] = [
  ...toAddresses,
  ...toTheMachine,
  ...datagrams,
  ...otherProtocols,
  ...socketOptions,
  ...reconfiguration,
]

function connection(name: string, to: string, send: readonly string[] = ['{token}']): Attempt {
  return { name, theme, recorded: true, attack: [{ do: 'tcp', to, send }] }
}

function datagram(name: string, to: string, data = '{token}'): Attempt {
  return { name, theme, recorded: true, attack: [{ do: 'udp', to, data }] }
}

function special(name: string, step: Step, ...needs: Need[]): Attempt {
  return { name, theme, needs, attack: [step] }
}

/** As people run it. */
function program(name: string, ...argv: readonly string[]): Attempt {
  return { name, theme, attack: [{ do: 'run', argv }] }
}

interface Option {
  readonly level: number
  readonly name: number
  readonly value: string
}

function withOption(name: string, option: Option, ...needs: Need[]): Attempt {
  return special(`TCP ${name}`, { do: 'socket', family: 'inet', type: 'stream', to: '{v4}:80', options: [option] }, ...needs)
}

function datagramWithOption(name: string, option: Option): Attempt {
  return special(name, { do: 'socket', family: 'inet', type: 'datagram', to: '{v4}:{port}', options: [option] })
}

function changing(name: string, commands: readonly (readonly string[])[], to: string): Attempt {
  const steps = commands.map((argv): Step => ({ do: 'run', argv }))
  return { name, theme, needs: ['root'], serial: true, attack: [...steps, { do: 'tcp', to }] }
}
