// Proves that stock Envoy with a plain bootstrap, attached to `sallyport serve` by hand as Istio attaches a sidecar, lets nothing through that is not declared.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { writeNodeId } from '../../src/xds/index.ts'
import { documents, serviceEntry } from '../support/declare.ts'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { plainBootstrap } from '../support/envoy-bootstrap.ts'
import { bundled } from '../support/outside-servers.ts'
import { openFolder } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const envoy = findEnvoy()
const folder = openFolder()
const declared = documents(
  serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' }),
  // Our own proxy asks what the name resolves to, and takes no other address.
  serviceEntry({ host: 'tcp-a.example.test', port: 7000, protocol: 'TCP' }),
  serviceEntry({ host: 'echo.test', port: 7001, protocol: 'TCP', resolution: 'NONE', addresses: ['203.0.113.11'] }),
)

const stand = new StandardWorld()

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What clients begin with these source ports goes to Envoy, as everything of a pod does. */
const redirected = '20000-20999'
const redirection = `table inet mesh {
  chain out { type nat hook output priority -100; tcp sport ${redirected} redirect to :15001; }
}
`

const curl = async (url: string, ...more: readonly string[]): Promise<string> => {
  const args = ['-s', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', '--local-port', redirected, ...more, url]
  return (await stand.w1.exec('curl', args)).stdout
}

/** Bytes that come back, within two seconds, from a server that answers lines. */
const echo = async (address: string, port: number): Promise<number> => {
  const args = ['-s', '-m', '2', '--local-port', redirected, `telnet://${address}:${port}`]
  return (await stand.w1.exec('curl', args, { input: 'hello\n' })).stdout.length
}

test.skipIf(envoy === undefined && process.env['CI'] !== 'true')(`a sidecar by hand (${noEnvoy})`, async () => {
  const [policy, ads] = [join(folder, 'policy.yaml'), join(folder, 'ads.sock')]
  writeFileSync(policy, declared)
  const serving = stand.w1.spawn(process.execPath, [bundled('bin.js'), 'serve', '-f', policy, '--outbound', 'REGISTRY_ONLY', '--xds', ads])
  await serving.says('configuration at')
  const id = writeNodeId({ role: 'sidecar', name: 'web', namespace: 'default', labels: {} })
  const bootstrap = plainBootstrap({ apiType: 'DELTA_GRPC', ads, admin: 15_000, node: { id, cluster: 'web.default' } })
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify(bootstrap))
  expect(await stand.w1.exec('nft', ['-f', '-'], { input: redirection })).toMatchObject({ code: 0, stderr: '' })
  const options = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning']
  const running = stand.w1.spawn(envoy?.path ?? '', ['-c', join(folder, 'envoy.json'), ...options])
  await expect.poll(() => curl('http://d2iq.com/'), { timeout: 20_000 }).toBe('200')
  expect(serving.stderr()).toMatch(/default\/web is "envoy", and is told in Envoy’s own terms what is refused/)
  expect({
    'HTTP to another host': await curl('http://other.example.test/'),
    'TLS by another name': await curl('https://secure.example.test/', '-k'),
    'TCP to a declared address': (await echo('203.0.113.11', 7001)) > 0,
    'TCP to an address that nobody declared, at a port that a name has': await echo('203.0.113.99', 7000),
  }).toEqual({
    'HTTP to another host': '403',
    'TLS by another name': '000',
    'TCP to a declared address': true,
    'TCP to an address that nobody declared, at a port that a name has': 0,
  })
  const reached = stand.outside.seen().flatMap((one) => ('local' in one ? [one.local] : []))
  expect(new Set(reached)).toEqual(new Set(['203.0.113.10:80', '203.0.113.11:7001']))
  expect(running.stderr()).not.toMatch(/rejected|deprecated|unknown field/)
})
