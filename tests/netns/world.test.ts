// Holds the test world itself: that it joins nodes, loses routes, swallows, and leaves nothing behind; and what its probe client tells.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { standardTopology } from '../support/outside-plan.ts'
import { bundled, startOutside } from '../support/outside-servers.ts'
import type { Outside } from '../support/outside-servers.ts'
import type { Probe } from '../support/probe.ts'
import { isRequest } from '../support/seen.ts'
import { createWorld } from '../support/world.ts'
import type { World } from '../support/world.ts'
import { openWorkload } from '../support/workload.ts'
import type { Workload } from '../support/workload.ts'

let world: World
let outside: Outside
let client: Workload

beforeAll(async () => {
  world = await createWorld(standardTopology())
  outside = await startOutside(world.node('out'))
  client = await openWorkload(world.node('w1').spawn(process.execPath, [bundled('test-probe.js')]))
})

afterAll(async () => {
  await client.end()
  await outside.close()
  await world.close()
})

const probes: Record<string, { readonly probe: Probe; readonly gives: object }> = {
  'HTTP is answered, by name': {
    probe: { id: 'a', kind: 'http', dial: 'd2iq.com:80', headers: [['Host', 'd2iq.com']] },
    gives: { outcome: 'answered', status: 200, body: expect.stringContaining('"peer":"198.18.0.11"') },
  },
  'HTTP is answered over IPv6': {
    probe: { id: 'a', kind: 'http', dial: '[2001:db8:113::10]:80', headers: [['Host', 'd2iq.com']] },
    gives: { outcome: 'answered', body: expect.stringContaining('"local":"[2001:db8:113::10]:80"') },
  },
  'a status is answered on request': {
    probe: {
      id: 'a',
      kind: 'http',
      dial: '203.0.113.10:80',
      headers: [
        ['Host', 'x'],
        ['x-world-status', '418'],
      ],
    },
    gives: { outcome: 'answered', status: 418 },
  },
  'a broken origin is broken': {
    probe: { id: 'a', kind: 'http', dial: '203.0.113.66:80', headers: [['Host', 'x']] },
    gives: { outcome: 'answered', status: 503 },
  },
  'a reset is told as closed': {
    probe: {
      id: 'a',
      kind: 'http',
      dial: '203.0.113.10:80',
      headers: [
        ['Host', 'x'],
        ['x-world-reset', '1'],
      ],
    },
    gives: { outcome: 'closed' },
  },
  'a body is counted': {
    probe: { id: 'a', kind: 'http', method: 'POST', body: 'x'.repeat(1000), dial: '203.0.113.10:80', headers: [['Host', 'x']] },
    gives: { outcome: 'answered', body: expect.stringContaining('"bodyLength":1000') },
  },
  'a certificate is chosen by SNI': {
    probe: { id: 'a', kind: 'https', dial: '203.0.113.31:443', sni: 'a.sni.example.test', headers: [['Host', 'x']] },
    gives: { outcome: 'answered', body: expect.stringContaining('"certificate":"_.sni.example.test"') },
  },
  'TLS to a plain server fails in the handshake': {
    probe: { id: 'a', kind: 'https', dial: '203.0.113.10:80', sni: 'x.test' },
    gives: { outcome: expect.stringMatching(/^handshake-/) },
  },
  'a line is echoed': {
    probe: { id: 'a', kind: 'tcp', dial: '203.0.113.10:7000', send: 'hello\n' },
    gives: { outcome: 'answered', data: expect.stringContaining('"got":"hello') },
  },
  'a greeting comes first': {
    probe: { id: 'a', kind: 'tcp', dial: '203.0.113.10:5432', serverFirst: true },
    gives: { outcome: 'answered', data: expect.stringContaining('"hello":"203.0.113.10:5432"') },
  },
  'Redis says who asked': {
    probe: { id: 'a', kind: 'redis', dial: '203.0.113.40:6379' },
    gives: { outcome: 'answered', pong: true, peer: '198.18.0.11', local: '203.0.113.40:6379' },
  },
  'a ClientHello in pieces is answered': {
    probe: { id: 'a', kind: 'clienthello', dial: '203.0.113.30:443', sni: 'secure.example.test', pieces: 1 },
    gives: { outcome: 'answered' },
  },
  'a ClientHello in small records is answered': {
    probe: { id: 'a', kind: 'clienthello', dial: '203.0.113.30:443', sni: 'secure.example.test', records: 60 },
    gives: { outcome: 'answered' },
  },
  'two requests on one connection have two statuses': {
    probe: {
      id: 'a',
      kind: 'conversation',
      dial: '203.0.113.10:80',
      quietMs: 200,
      sends: ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nx-world-status: 404\r\n\r\n'],
    },
    gives: { outcome: 'answered', statuses: [200, 404] },
  },
  'a port where nobody listens refuses': {
    probe: { id: 'a', kind: 'tcp', dial: '203.0.113.10:81', send: 'x' },
    gives: { outcome: 'refused' },
  },
  'an address that swallows times out': {
    probe: { id: 'a', kind: 'tcp', dial: '203.0.113.250:80', send: 'x', timeout: 0.3 },
    gives: { outcome: 'timeout' },
  },
  'a name that nobody has': { probe: { id: 'a', kind: 'http', dial: 'nobody.example.test:80' }, gives: { outcome: 'no-name' } },
  'many at one time': {
    probe: { id: 'a', kind: 'tcp', dial: '203.0.113.10:7000', send: 'x', count: 20, concurrency: 5 },
    gives: { many: Array.from({ length: 20 }, () => expect.objectContaining({ outcome: 'answered' })) },
  },
}

describe('the probe client', () => {
  for (const [sentence, { probe, gives }] of Object.entries(probes)) {
    test(sentence, async () => expect(await client.play(probe)).toMatchObject(gives))
  }

  test('holds a connection and speaks on it again', async () => {
    const send = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    expect(await client.play({ id: 'h', kind: 'hold', dial: '203.0.113.10:80', send })).toMatchObject({ outcome: 'answered', status: 200 })
    expect(await client.play({ id: 'i', kind: 'held', of: 'h', send })).toMatchObject({ outcome: 'answered', status: 200 })
  })
})

describe('the outside', () => {
  test('notes requests with both ends, and questions of names', async () => {
    outside.seen()
    await client.play({ id: 'a', kind: 'http', dial: 'plain.example.test:80', headers: [['Host', 'plain.example.test']] })
    const seen = outside.seen()
    expect(seen.filter(isRequest)).toMatchObject([{ proto: 'http', local: '203.0.113.11:80', peer: '198.18.0.11', target: '/' }])
    expect(seen).toContainEqual({ proto: 'dns', question: 'A plain.example.test', peer: '198.18.0.11' })
  })

  test('answers names as it is told to', async () => {
    await outside.setNames({ 'fresh.example.test': ['203.0.113.77'] })
    const probe: Probe = { id: 'a', kind: 'http', dial: 'fresh.example.test:80', headers: [['Host', 'x']] }
    expect(await client.play(probe)).toMatchObject({ body: expect.stringContaining('203.0.113.77:80') })
    await outside.setNames({ 'fresh.example.test': null })
    expect(await client.play(probe)).toMatchObject({ outcome: 'no-name' })
  })
})

describe('a node', () => {
  test('that has lost its route reaches its neighbours only', async () => {
    const probe: Probe = { id: 'a', kind: 'tcp', dial: '203.0.113.10:7000', send: 'x' }
    await world.node('w1').loseRoute()
    expect(await client.play(probe)).toMatchObject({ outcome: 'no-route' })
    expect(await client.play({ ...probe, dial: '198.18.0.1:7000' })).toMatchObject({ outcome: 'answered' })
    await world.node('w1').regainRoute()
    expect(await client.play(probe)).toMatchObject({ outcome: 'answered' })
  })

  test('passes signals and exit codes', async () => {
    const sleeping = world.node('w2').spawn('sleep', ['60'])
    await expect.poll(() => readFileSync(`/proc/${sleeping.innerPid()}/comm`, 'utf8').trim()).toBe('sleep')
    sleeping.signal('SIGTERM')
    expect(await sleeping.ended).toEqual({ code: null, signal: 'SIGTERM' })
    expect(await world.node('w2').exec('sh', ['-c', 'cat; exit 7'], { input: 'words' })).toMatchObject({ code: 7, stdout: 'words' })
  })

  test.runIf(process.getuid?.() === 0)('runs programs as an ordinary user, too', async () => {
    const script = 'id -u; grep CapEff /proc/self/status; cat /etc/resolv.conf | head -1'
    const { stdout } = await world.node('w2').exec('sh', ['-c', script], { user: 65_534, cwd: '/' })
    expect(stdout).toBe('65534\nCapEff:\t0000000000000000\nnameserver 198.18.0.1\n')
  })

  test('is asked for by its right name', () => {
    expect(() => world.node('w9')).toThrow('the world has no node "w9": it has out, w1, w2, gw')
  })
})

test('a world can be made without root, with the same powers inside', async () => {
  const rootless = await createWorld(standardTopology(), { rootless: true })
  const { stdout } = await rootless
    .node('w1')
    .exec('sh', ['-c', 'id -u; nft add table inet mine && nft list tables; ip -br addr show eth0'])
  expect(stdout).toMatch(/^0\ntable inet mine\neth0@\S+ +UP +198\.18\.0\.11\/24 2001:db8::11\/64/)
  await rootless.close()
})

test('a world is gone when its maker is killed, whatever ran in it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'maker-'))
  const marker = `marker-${process.pid}-${Date.now()}`
  const program = join(folder, 'maker.mjs')
  const stdin = { contents: makerOf(marker), resolveDir: resolve(import.meta.dirname, '../support') }
  await build({ stdin, bundle: true, format: 'esm', platform: 'node', outfile: program, logLevel: 'error' })
  const maker = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((made) => maker.stdout.once('data', made))
  await expect.poll(() => processesWith(marker).length, { timeout: 5000 }).toBeGreaterThan(1)
  maker.kill('SIGKILL')
  await expect.poll(() => processesWith(marker), { timeout: 5000 }).toEqual([])
  rmSync(folder, { recursive: true })
})

/** A program that makes a world and something in it that has turned its back on its parents, and then waits. */
function makerOf(marker: string): string {
  return `
    import { createWorld } from './world.ts'
    const world = await createWorld({ nodes: { one: { addresses: ['198.18.0.9/24'] } } })
    world.node('one').spawn('sh', ['-c', 'setsid sh -c "sleep 1000; : ${marker}" & sleep 1000; : ${marker}'], { cwd: '/' })
    process.stdout.write('made')
    setInterval(() => {}, 1000)`
}

function processesWith(marker: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .filter((pid) => commandLineOf(pid).includes(marker))
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    // Ended since it was listed.
    return ''
  }
}
