// The network of a real seal, as root and as an ordinary user: everything lands in the sidecar or is refused at once and counted.
import { spawnSync } from 'node:child_process'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildDriver, identities, script, sealed, start, until } from './seal-kit.ts'

beforeAll(buildDriver)

describe.each(identities)('as $name', (identity) => {
  test('connections to any address of both families land in the sidecar, with their destination', async () => {
    const source = `
      import net from 'node:net'
      for (const [host, port] of [['203.0.113.9', 80], ['8.8.8.8', 443], ['10.1.2.3', 6379], ['2001:db8::7', 80], ['fe80::1%lo', 22], ['224.0.0.1', 7]])
        await new Promise((done) => net.connect({ host, port }, function () { this.resume() }).on('close', done).on('error', (e) => { console.log(host, e.code) }))`
    const { events, stdout, code } = await sealed(script(source), { identity })
    expect(events.flatMap((event) => event.connection ?? [])).toEqual([
      '203.0.113.9:80',
      '8.8.8.8:443',
      '10.1.2.3:6379',
      '[2001:db8::7]:80',
      '[fe80::1]:22',
    ])
    expect(stdout).toContain('224.0.0.1')
    expect(code).toBe(0)
  })

  test('every name is asked of the sidecar, whatever resolver is asked', async () => {
    const source = `
      import dns from 'node:dns/promises'
      console.log((await dns.lookup('by.libc.test')).address)
      for (const server of ['8.8.8.8', '127.0.0.53', '[2001:4860:4860::8888]']) {
        const resolver = new dns.Resolver({ timeout: 2000, tries: 1 })
        resolver.setServers([server])
        console.log((await resolver.resolve4('by.resolver.test'))[0])
      }`
    const { events, stdout, stderr } = await sealed(script(source), { identity })
    expect(stdout.trim().split('\n'), stderr).toEqual(['240.241.0.7', '240.241.0.7', '240.241.0.7', '240.241.0.7'])
    const names = new Set(events.flatMap((event) => event.question ?? []))
    expect(names).toEqual(new Set(['by.libc.test', 'by.resolver.test']))
  })

  test('questions by TCP land there too', async () => {
    const source = `
      import net from 'node:net'
      for (const host of ['9.9.9.9', '127.0.0.53', '2620:fe::fe'])
        await new Promise((done) => net.connect({ host, port: 53 }, function () { this.resume() }).on('close', done).on('error', (e) => console.log(e.code)))`
    const { events, stdout } = await sealed(script(source), { identity })
    expect(events.filter((event) => event.question === 'tcp')).toHaveLength(3)
    expect(stdout).toBe('')
  })

  test('UDP is refused at once, and counted by destination', async () => {
    const source = `
      import dgram from 'node:dgram'
      const began = Date.now()
      for (const [type, host, port, count] of [['udp4', '8.8.8.8', 443, 3], ['udp4', '224.0.0.251', 5353, 1], ['udp6', '2001:4860:4860::8888', 853, 2]]) {
        const socket = dgram.createSocket(type)
        for (let i = 0; i < count; i++) await new Promise((done) => socket.send('x', port, host, (e) => { console.log(e?.code ?? 'sent'); done() }))
        socket.close()
      }
      console.log(Date.now() - began < 1000 ? 'at once' : 'late')`
    const { events, stdout } = await sealed(script(source), { identity })
    expect(stdout.trim().split('\n')).toEqual([...Array.from({ length: 6 }, () => 'EPERM'), 'at once'])
    const refused = events.flatMap((event) => event.refused ?? [])
    expect(refused).toHaveLength(3)
    expect(refused).toEqual(
      expect.arrayContaining([
        { protocol: 'udp', destination: '8.8.8.8', port: 443, packets: 3 },
        { protocol: 'udp', destination: '224.0.0.251', port: 5353, packets: 1 },
        { protocol: 'udp', destination: '2001:4860:4860::8888', port: 853, packets: 2 },
      ]),
    )
  })

  test('refusals are reported while the command runs', async () => {
    const running = start(['sh', '-c', 'exec 3<>/dev/udp/8.8.8.8/443 2>/dev/null; read line'], { identity })
    const again = script(
      `import dgram from 'node:dgram'; const s = dgram.createSocket('udp4'); s.send('x', 443, '9.9.9.9', () => {}); setTimeout(() => s.close(), 4000)`,
    )
    running.child.kill('SIGKILL')
    await running.ended
    const second = start(again, { identity })
    await until('a report', () => second.events().some((event) => event.refused !== undefined))
    expect(second.child.exitCode).toBeNull()
    expect((await second.ended).events.flatMap((event) => event.refused ?? [])).toEqual([
      { protocol: 'udp', destination: '9.9.9.9', port: 443, packets: 1 },
    ])
  })

  test('loopback, its own address and low ports work as outside', async () => {
    const source = `
      import net from 'node:net'
      import os from 'node:os'
      const own = Object.values(os.networkInterfaces()).flat().filter((a) => !a.internal || a.address === '192.0.0.8').map((a) => a.address)
      for (const host of ['127.0.0.1', '::1', '192.0.0.8']) {
        const server = net.createServer((s) => s.end('inside')).listen(80, host)
        await new Promise((done) => server.on('listening', done).on('error', (e) => { console.log(host, e.code); done() }))
        await new Promise((done) => net.connect({ host, port: 80 }).on('data', (d) => console.log(String(d))).on('close', done).on('error', (e) => console.log(e.code)))
        server.close()
      }`
    const { stdout, events } = await sealed(script(source), { identity })
    expect(stdout.trim().split('\n')).toEqual(['inside', 'inside', 'inside'])
    expect(events.filter((event) => event.connection)).toEqual([])
  })

  test('a connection straight to one of the sidecar’s listeners is refused', async () => {
    const source = `
      import { readFileSync } from 'node:fs'
      import net from 'node:net'
      const listening = (path) => readFileSync(path, 'utf8').split('\\n').slice(1).map((l) => l.trim().split(/\\s+/)).filter((f) => f[3] === '0A').map((f) => parseInt(f[1].split(':')[1], 16))
      for (const [path, host] of [['/proc/net/tcp', '127.0.0.1'], ['/proc/net/tcp6', '::1']])
        for (const port of listening(path))
          await new Promise((done) => net.connect({ host, port }, () => { console.log('connected'); done() }).on('error', (e) => { console.log(e.code); done() }))`
    const { stdout, events } = await sealed(script(source), { identity })
    expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 4 }, () => 'ECONNREFUSED'))
    expect(events.filter((event) => event.connection)).toEqual([])
  })

  test('loopback of the machine is out of reach', async () => {
    const server = net.createServer((socket) => socket.end('outside')).listen(0, '127.0.0.1')
    await new Promise((done) => server.on('listening', done))
    const { port } = server.address() as net.AddressInfo
    const { stdout } = await sealed(
      script(
        `import net from 'node:net'; net.connect(${port}, '127.0.0.1').on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code))`,
      ),
      { identity },
    )
    await new Promise((done) => server.close(done))
    expect(stdout.trim()).toBe('ECONNREFUSED')
  })

  test('--publish lets something outside in, over both loopback addresses', async () => {
    const [first, second] = [20_000 + Math.floor(Math.random() * 20_000), 40_000 + Math.floor(Math.random() * 20_000)]
    const source = `
      import net from 'node:net'
      net.createServer((s) => s.end('four')).listen(8080, '127.0.0.1')
      net.createServer((s) => s.end('six')).listen(8081, '::1')
      setTimeout(() => process.exit(0), 15000)`
    const running = start(script(source), { identity, order: { publish: [`${first}:8080`, `127.0.0.1:${second}:8081`] } })
    await until('both answer', () => ask(first) === 'four' && ask(second) === 'six')
    running.child.kill('SIGKILL')
    await running.ended
  })
})

/** Synchronous on purpose: it is asked again and again. */
function ask(port: number): string {
  const source = `require('node:net').connect(${port}, '127.0.0.1').on('data', (d) => process.stdout.write(d)).on('error', () => {})`
  return spawnSync(process.execPath, ['-e', source], { encoding: 'utf8', timeout: 5000 }).stdout
}

afterAll(() => {
  // Whatever happened inside, the machine itself has no rule of ours.
  const { stdout } = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' })
  expect(stdout).not.toContain('sallyport')
})
