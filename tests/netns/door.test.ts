// Goes out by the explicit-proxy door with real curl, sealed, and holds the door to the decisions of the captured way.
import { expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { ordinaryUser, runSidecar } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()
const isRoot = process.getuid?.() === 0

const proxy = 'http://127.0.0.1:3128'
const declarations = documents(
  serviceEntry({ host: 'plain.example.test', port: 80, protocol: 'HTTP' }),
  serviceEntry({ host: 'secure.example.test', port: 443, protocol: 'TLS' }),
  serviceEntry({ host: 'redis.example.test', port: 6379, protocol: 'TCP' }),
)

/** One line for each request: `CURL-CODE STATUS-OF-CONNECT STATUS`. */
const curl = (options: string, url: string): string =>
  `curl -sk -m 10 -o /dev/null -w '%{http_connect} %{http_code}' ${options} ${url}; echo " $?"`

const attempts: Readonly<Record<string, readonly [command: string, line: string]>> = {
  'a declared host by absolute URI': [curl(`-x ${proxy}`, 'http://plain.example.test/'), '000 200 0'],
  'another port of it': [curl(`-x ${proxy}`, 'http://plain.example.test:8080/'), '000 403 0'],
  'an undeclared host by absolute URI': [curl(`-x ${proxy}`, 'http://other.example.test/'), '000 403 0'],
  'a declared host by CONNECT': [curl(`-x ${proxy}`, 'https://secure.example.test/'), '200 200 0'],
  'an undeclared host by CONNECT': [curl(`-x ${proxy}`, 'https://other.example.test/'), '403 000 56'],
  'a declared host by CONNECT, and another one inside': [
    curl(`-x ${proxy} --connect-to ::secure.example.test:443`, 'https://unknown.example.test/'),
    '200 000 35',
  ],
  'a declared host by SOCKS5 and name': [curl('--socks5-hostname 127.0.0.1:3128', 'https://secure.example.test/'), '000 200 0'],
  'a declared host by SOCKS5 and address': [curl('--socks5 127.0.0.1:3128', 'https://secure.example.test/'), '000 200 0'],
  'an undeclared host by SOCKS5': [curl('--socks5-hostname 127.0.0.1:3128', 'https://other.example.test/'), '000 000 97'],
  'the loopback of the machine': [curl(`--noproxy '' -x ${proxy}`, 'http://127.0.0.1:15021/ready'), '000 403 0'],
  'the loopback of the machine, in disguise': [curl(`-x ${proxy}`, "'http://[::ffff:7f00:1]:15021/ready'"), '000 403 0'],
  'the loopback of the machine by CONNECT': [curl(`--noproxy '' -p -x ${proxy}`, 'http://localhost:15021/ready'), '403 000 56'],
  'the loopback of the machine by SOCKS5': [
    curl("--noproxy '' --socks5-hostname 127.0.0.1:3128", 'http://127.0.0.1:15021/ready'),
    '000 000 97',
  ],
  'the proxy of the environment': [curl('', 'https://secure.example.test/'), '200 200 0'],
}

test('curl goes by the door where it could go by itself, and nowhere else', async () => {
  const script = Object.values(attempts)
    .map(([command]) => command)
    .join('\n')
  const { stdout, stderr, records } = await runSidecar(stand.w1, {
    declarations,
    options: ['--http-proxy-port', '3128', '--proxy-env', '--admin', '127.0.0.1:15021'],
    command: ['sh', '-c', script],
    ...(isRoot ? { user: ordinaryUser } : {}),
  })
  const lines = stdout.trim().split('\n')
  const told = Object.keys(attempts).map((name, i) => `${name}: ${lines[i]}`)
  expect(told, stderr).toEqual(Object.entries(attempts).map(([name, [, line]]) => `${name}: ${line}`))
  const connect = records.find(({ method }) => method === 'CONNECT')
  expect(connect).toMatchObject({ verdict: 'deny', status: 403, host: 'other.example.test', reason: { code: 'not-declared' } })
})

test('the mesh opens the door too, and Redis goes by SOCKS5', async () => {
  const ask =
    "exec 3<>/dev/tcp/127.0.0.1/3129; printf '\\005\\001\\000\\005\\001\\000\\003\\022redis.example.test\\030\\353PING\\r\\n' >&3; head -c 19 <&3 | tail -c 7"
  const { stdout, stderr } = await runSidecar(stand.w1, {
    declarations: documents('proxyHttpPort: 3129\n', declarations),
    command: ['bash', '-c', ask],
    ...(isRoot ? { user: ordinaryUser } : {}),
  })
  expect(stdout, stderr).toBe('+PONG\r\n')
})
