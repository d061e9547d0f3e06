// Runs programs that people run, sealed, as root and as an ordinary user, and holds them to working as they do without a seal.
import { chownSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { standardTopology } from '../support/outside-plan.ts'
import { startOutside } from '../support/outside-servers.ts'
import type { Outside } from '../support/outside-servers.ts'
import {
  shopAddress,
  startFileServer,
  startSshServer,
  takeSshKey,
  writeAptRepository,
  writeGitRepository,
  writeNpmRegistry,
} from '../support/shop.ts'
import { openFolder, ordinaryUser, runSidecar, startSidecar } from '../support/sidecar.ts'
import { createWorld } from '../support/world.ts'
import type { World, WorldNode } from '../support/world.ts'

const isRoot = process.getuid?.() === 0
const shopName = 'shop.example.test'
/** Whoever is root starts the programs of an ordinary user as one. */
const ordinary = isRoot ? { user: ordinaryUser } : {}

let world: World
let outside: Outside
let w1: WorldNode
const folder = openFolder()

beforeAll(async () => {
  const { nodes } = standardTopology()
  world = await createWorld({ nodes: { ...nodes, shop: { addresses: [`${shopAddress}/24`] } } })
  w1 = world.node('w1')
  outside = await startOutside(world.node('out'))
  await outside.setNames({ [shopName]: [shopAddress] })
  writeAptRepository(folder)
  writeNpmRegistry(folder, shopName)
  writeFileSync(join(folder, 'www/page'), 'a page\n')
  writeGitRepository(folder)
  await startFileServer(world.node('shop'), folder)
})

afterAll(async () => {
  await outside.close()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

const shop = serviceEntry({ host: shopName, port: 80, protocol: 'HTTP' })

describe.runIf(isRoot)('root', () => {
  test('updates package lists by apt-get from a declared server', async () => {
    const sidecar = startSidecar(w1, { declarations: shop, command: ['sh', '-c', aptUpdate] })
    const { code, stdout, stderr, records } = await sidecar.finish()
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining(`http://${shopName}/apt`) })
    const requests = records.filter(({ kind }) => kind === 'request')
    expect(requests).toContainEqual(
      expect.objectContaining({ host: shopName, requestPath: '/apt/Packages', verdict: 'allow', path: 'direct', status: 200 }),
    )
    expect(records.filter(({ kind, verdict }) => verdict === 'deny' && kind !== 'query')).toEqual([])
  })

  test('serves by nginx, whose workers are www-data, what the host asks for at a published port', async () => {
    const config = join(folder, 'inner.conf')
    const pid = join(folder, 'inner.pid')
    writeFileSync(
      config,
      `user www-data; daemon off; pid ${pid}; error_log stderr; worker_processes 1;\nevents {}\nhttp { access_log off; server { listen 80; root ${folder}/www; } }`,
    )
    const sidecar = startSidecar(w1, { options: ['--publish', '18080:80'], command: ['nginx', '-c', config] })
    expect(await untilServed(w1, 'http://127.0.0.1:18080/page')).toBe('a page\n')
    const { stdout } = await w1.exec('ps', ['-e', '-o', 'user=,args='])
    expect(stdout).toMatch(/^www-data +nginx: worker/m)
    sidecar.running.signal('SIGTERM')
    expect(await sidecar.finish()).toMatchObject({ code: 0 })
  })

  test('becomes nobody by su', async () => {
    const { code, stdout } = await runSidecar(w1, { command: ['su', 'nobody', '-s', '/bin/sh', '-c', 'id -un; touch /etc/x 2>&1'] })
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringMatching(/^nobody\n.*Permission denied/) })
  })

  test('gives files away by chown', async () => {
    const script = 'touch mine && chown nobody mine && stat -c %U mine'
    expect(await runSidecar(w1, { command: ['sh', '-c', script] })).toMatchObject({ code: 0, stdout: 'nobody\n' })
  })

  test('reaches by ssh a declared host that has no declared address, as an ordinary user', async () => {
    const server = await startSshServer(world.node('shop'), folder)
    const declarations = serviceEntry({ host: shopName, port: 22, protocol: 'TCP' })
    const key = join(folder, 'key')
    takeSshKey(folder, key)
    chownSync(key, ordinaryUser, ordinaryUser)
    const options = [
      '-o',
      'BatchMode=yes',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'IdentitiesOnly=yes',
    ]
    const command = ['ssh', ...options, '-i', key, `root@${shopName}`, 'echo $SSH_CONNECTION; exit 7']
    const { code, stdout, stderr, records } = await runSidecar(w1, { declarations, command, ...ordinary })
    expect({ code, stdout, stderr }).toMatchObject({ code: 7, stdout: expect.stringMatching(/^198\.18\.0\.11 \d+ 198\.18\.0\.30 22\n/) })
    expect(records.filter(({ kind }) => kind === 'connection')).toMatchObject([
      {
        host: shopName,
        upstream: `${shopAddress}:22`,
        destination: expect.stringMatching(/^240\.240\.\d+\.\d+:22$|^\[2001:2:/),
        verdict: 'allow',
      },
    ])
    server.signal('SIGKILL')
  })
})

describe('an ordinary user', () => {
  test('installs by npm from a declared registry', async () => {
    const sidecar = startSidecar(w1, { declarations: shop, command: ['sh', '-c', npmInstall], ...ordinary })
    const { code, stdout, stderr, records } = await sidecar.finish()
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^left$/m) })
    const paths = records.flatMap(({ requestPath, verdict }) => (verdict === 'allow' && requestPath !== undefined ? [requestPath] : []))
    expect(paths).toEqual(expect.arrayContaining(['/left', '/left/left-1.0.0.tgz']))
  })

  test('is told by npm of a registry that nothing declares', async () => {
    const script = npmInstall.replaceAll(shopName, 'registry.example.test')
    const { code, stderr } = await runSidecar(w1, { declarations: shop, command: ['sh', '-c', script], ...ordinary })
    expect(code).not.toBe(0)
    expect(stderr).toContain('403')
  })

  test('clones by git from a declared server', async () => {
    const script = `git clone -q http://${shopName}/project.git && cat project/words`
    const result = await runSidecar(w1, { declarations: shop, command: ['sh', '-c', script], ...ordinary })
    expect(result).toMatchObject({ code: 0, stdout: 'a word\n' })
    expect(result.records.some(({ verdict }) => verdict === 'deny')).toBe(false)
  })

  test('tells two databases on one port apart by their names', async () => {
    const hosts = ['redis.example.test', 'tcp-b.example.test']
    const declarations = documents(...hosts.map((host) => serviceEntry({ host, port: 6379, protocol: 'TCP' })))
    const script = hosts.map((host) => `redis-cli -h ${host} client info`).join('\n')
    const { code, stdout } = await runSidecar(w1, { declarations, command: ['sh', '-c', script], ...ordinary })
    expect(code).toBe(0)
    expect([...stdout.matchAll(/ laddr=(\S+)/g)].map(([, local]) => local)).toEqual(['203.0.113.40:6379', '203.0.113.42:6379'])
  })

  test('reaches a service on loopback of the host that is declared, and no other', async () => {
    const serve = (port: number): NodeProcess => w1.spawn('busybox', ['httpd', '-f', '-p', `127.0.0.1:${port}`, '-h', join(folder, 'www')])
    const servers = [serve(7070), serve(7071)]
    const declarations = documents(
      serviceEntry({ host: 'local.example.test', port: 7070, protocol: 'HTTP', resolution: 'STATIC', endpoints: ['127.0.0.1'] }),
      serviceEntry({ host: 'lying.example.test', port: 7071, protocol: 'HTTP' }),
    )
    const script = ['local.example.test:7070', 'lying.example.test:7071', '127.0.0.1:7071']
      .map((authority) => `curl -sS -m 5 -o /dev/null -w '%{http_code} ' http://${authority}/page 2>/dev/null; echo $?`)
      .join('\n')
    const { stdout } = await runSidecar(w1, { declarations, command: ['sh', '-c', script], ...ordinary })
    // What the name leads to is loopback (refused), and the workload's own loopback has no such server.
    expect(stdout).toMatch(/^200 0\n403 0\n000 7\n$/)
    for (const server of servers) server.signal('SIGKILL')
  })

  test('serves a port below 1024 that is published, at the address given only', async () => {
    const www = join(folder, 'www')
    const options = ['--publish', '198.18.0.11:18081:81']
    const command = ['busybox', 'httpd', '-f', '-p', '81', '-h', www]
    const sidecar = startSidecar(w1, { options, command, ...ordinary })
    expect(await untilServed(w1, 'http://198.18.0.11:18081/page')).toBe('a page\n')
    expect(await w1.exec('curl', ['-sS', '-m', '2', 'http://127.0.0.1:18081/page'])).toMatchObject({ code: 7 })
    sidecar.running.signal('SIGTERM')
    await sidecar.finish()
  })
})

/** Everything that apt would touch on this machine is elsewhere. */
const aptUpdate = `mkdir -p apt/lists/partial apt/cache/archives/partial apt/etc && touch apt/status &&
echo 'deb [trusted=yes] http://${shopName}/apt ./' > apt/sources.list &&
apt-get update -o Dir::Etc::SourceList=$PWD/apt/sources.list -o Dir::Etc::SourceParts=- -o Dir::Etc::Parts=- -o Dir::Etc::Main=- \
  -o Dir::State::Lists=$PWD/apt/lists -o Dir::State::Status=$PWD/apt/status -o Dir::Cache=$PWD/apt/cache -o Dir::Log=$PWD/apt \
  -o Acquire::Retries=0 -o Acquire::Languages=none -o APT::Update::Error-Mode=any \
  -o Acquire::http::Proxy=DIRECT -o APT::Update::Post-Invoke-Success::= -o APT::Update::Post-Invoke::=`

const npmInstall = `mkdir -p project && cd project && echo '{"name":"p","version":"1.0.0","dependencies":{"left":"1.0.0"}}' > package.json &&
export npm_config_registry=http://${shopName}/ npm_config_cache=$PWD/cache npm_config_userconfig=/dev/null npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false npm_config_fetch_retries=0 &&
npm install --package-lock-only >/dev/null && npm ci >/dev/null && node -p 'require("left")'`

async function untilServed(node: WorldNode, url: string): Promise<string> {
  const deadline = performance.now() + 15_000
  for (;;) {
    const { code, stdout, stderr } = await node.exec('curl', ['-fsS', '-m', '2', url])
    if (code === 0) return stdout
    if (performance.now() > deadline) throw new Error(stderr)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
