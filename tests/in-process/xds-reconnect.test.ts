// Holds a gateway whose xDS server is away, killed, flaps or falls silent: it goes on with what it has, also across its own restart, and asks only for what is new.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { httpListener, routeTable, staticCluster } from '../support/xds-resources.ts'
import { types, XdsServer } from '../support/xds-server.ts'
import { closeAfterwards, closedPort, listen, portOf } from './proxy-kit.ts'
import { control, gateway, get, listenToStderr, load, origin, server, simpleWorld, stateFolder } from './xds-kit.ts'

test('a server that is killed under load costs no request, and only what changed meanwhile is sent when it is back', async () => {
  const stderr = listenToStderr()
  const xds = await server()
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  const asking = load(port, 'a.test')
  xds.kill()
  await expect.poll(stderr).toMatch(/the xDS server 127\.0\.0\.1:\d+ is away \(.*\): what was sent last goes on\n/)
  xds.set(types.cluster, 'second', staticCluster('second', await origin('second')))
  xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'second' }))
  xds.sent.length = 0
  await xds.start()
  await expect.poll(() => get(port, 'a.test')).toBe('second')
  expect(Object.keys(await asking.stop()).sort()).toEqual(['first', 'second'])
  expect(xds.sent).toEqual([
    { typeUrl: types.cluster, name: 'second' },
    { typeUrl: types.route, name: 'routes' },
  ])
  expect(xds.nacks()).toEqual([])
  expect(stderr()).toMatch(/the xDS server 127\.0\.0\.1:\d+ is back\n/)
})

test('state of the world: a server that is back and has nothing new sends nothing', async () => {
  const xds = await server({ unknown: 'delta' })
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  xds.kill()
  xds.sent.length = 0
  const before = xds.heard.length
  await xds.start()
  await expect.poll(() => xds.heard.length).toBeGreaterThanOrEqual(before + 4)
  expect(xds.sent).toEqual([])
  xds.set(types.route, 'routes', routeTable('routes', { 'b.test': 'first' })).push()
  await expect.poll(() => get(port, 'b.test')).toBe('first')
  expect(xds.sent).toEqual([{ typeUrl: types.route, name: 'routes' }])
})

test('a server that has nothing new and ends a stream now and then is not away', async () => {
  const stderr = listenToStderr()
  const xds = await server({ unknown: 'delta' })
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address, timing: { retryMs: 5, longestRetryMs: 10, acceptedMs: 50 } }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  for (let round = 0; round < 3; round++) {
    const { streams } = xds
    xds.endStreams()
    await expect.poll(() => xds.streams).toBeGreaterThan(streams)
    // Longer than those who are turned away.
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  expect(stderr()).not.toContain('is away')
})

test('a start without the server begins with the last good configuration, and nothing of it is sent again', async () => {
  const stderr = listenToStderr()
  const stateDirectory = stateFolder()
  const xds = await server()
  const { port } = await simpleWorld(xds)
  const first = await control({ server: xds.address, stateDirectory })
  expect(first.runtime.value?.boundListeners).toHaveLength(1)
  // A version that is refused is not kept.
  xds.set(types.route, 'routes', { ...routeTable('routes', { 'a.test': 'first' }), vhost_header: 'x' }).push()
  await expect.poll(() => xds.nacks()).toHaveLength(1)
  await first.close()
  xds.kill()
  gateway(await control({ server: xds.address, stateDirectory }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  expect(stderr()).toMatch(/says nothing yet: this begins with the configuration that was kept at \d{4}-/)
  xds.sent.length = 0
  xds.set(types.route, 'routes', routeTable('routes', { 'a.test': 'first', 'b.test': 'first' }))
  await xds.start()
  await expect.poll(() => get(port, 'b.test')).toBe('first')
  expect(xds.sent).toEqual([{ typeUrl: types.route, name: 'routes' }])
})

test('what changed while the server was there and this was away counts before the first connection', async () => {
  const stateDirectory = stateFolder()
  const xds = await server()
  const { port } = await simpleWorld(xds)
  const first = await control({ server: xds.address, stateDirectory })
  await first.close()
  xds.remove(types.listener, 'http')
  const second = await control({ server: xds.address, stateDirectory })
  expect(second.runtime.value?.boundListeners).toEqual([])
  gateway(second)
  expect(await get(port, 'a.test')).toBe('ECONNREFUSED')
})

test('a listener that never was good refuses after a restart without the server too', async () => {
  const stateDirectory = stateFolder()
  const xds = await server()
  await simpleWorld(xds)
  const other = await closedPort()
  const filter = { name: 'guard', typed_config: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: {} } }
  xds.set(types.listener, 'guarded', { ...httpListener('guarded', other, 'routes'), listener_filters: [filter] })
  const first = await control({ server: xds.address, stateDirectory })
  await first.close()
  xds.kill()
  gateway(await control({ server: xds.address, stateDirectory }))
  await expect.poll(() => get(other, 'a.test')).toBe('403')
})

test('a damaged file is told of and passed over, and without the server there is nothing to start with', async () => {
  const stderr = listenToStderr()
  const stateDirectory = stateFolder()
  const xds = await server()
  await simpleWorld(xds)
  const first = await control({ server: xds.address, stateDirectory })
  await first.close()
  xds.kill()
  const file = join(stateDirectory, readdirSync(stateDirectory)[0] ?? '')
  writeFileSync(file, readFileSync(file).fill(0, 1000, 1010))
  const start = control({ server: xds.address, stateDirectory, patience: { first: { kept: 50, part: 100 } } })
  await expect(start).rejects.toMatchObject({
    code: 'SLP5003',
    message: expect.stringMatching(/^the xDS server \S+ gave no configuration in time, and none is kept from another time: .*ECONNREFUSED/),
  })
  expect(stderr()).toMatch(/the last good configuration \S+ is not used: it is damaged: its checksum is another\n/)
})

test('what a server has begun to send and not ended counts after a while, and is not kept', async () => {
  const stderr = listenToStderr()
  const stateDirectory = stateFolder()
  const xds = await server({ silent: [types.listener] })
  await simpleWorld(xds)
  const begun = await control({ server: xds.address, stateDirectory, patience: { first: { kept: 50, part: 300 } } })
  expect(begun.runtime.value?.boundListeners).toEqual([])
  expect(stderr()).toContain('has not sent all that is needed: this begins with what has come, and refuses the rest')
  await begun.close()
  expect(readdirSync(stateDirectory)).toEqual([])
})

test('a folder that cannot be written is told of once, and traffic goes on', async () => {
  const stderr = listenToStderr()
  const folder = stateFolder()
  writeFileSync(join(folder, 'file'), '')
  const xds = await server()
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address, stateDirectory: join(folder, 'file') }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  await expect
    .poll(stderr)
    .toMatch(/the last good configuration cannot be kept, and a start without the server will have none: .*ENOTDIR|EEXIST/)
})

test('a server that flaps is asked less and less often, and what it sent goes on', async () => {
  const xds = await server()
  const { port } = await simpleWorld(xds)
  gateway(await control({ server: xds.address, timing: { retryMs: 5, longestRetryMs: 5000 } }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  const asking = load(port, 'a.test')
  for (let last = 0; xds.streams < 6; ) {
    if (xds.streams > last) {
      last = xds.streams
      xds.endStreams()
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  // 5 + 10 + 20 + 40 + 80 ms, of each at least half.
  expect(Object.keys(await asking.stop())).toEqual(['first'])
  xds.set(types.cluster, 'first', staticCluster('first', await origin('later'))).push()
  await expect.poll(() => get(port, 'a.test'), { timeout: 5000 }).toBe('later')
})

test('a stream that is open on one side only is noticed, and another one is opened', async () => {
  const xds = await server()
  const { port } = await simpleWorld(xds)
  const between = await silencer(xds.port)
  gateway(await control({ server: `127.0.0.1:${between.port}`, timing: { retryMs: 20, keepaliveMs: 150, connectMs: 150 } }))
  await expect.poll(() => get(port, 'a.test')).toBe('first')
  between.silence()
  xds.set(types.cluster, 'first', staticCluster('first', await origin('later'))).push()
  await expect.poll(() => get(port, 'a.test'), { timeout: 5000 }).toBe('later')
  expect(xds.streams).toBe(2)
})

/** Stands before a server and can stop to hand on what comes on the connections that there are, without closing any. */
async function silencer(to: number): Promise<{ readonly port: number; silence(): void }> {
  let open: Socket[] = []
  const relay = createServer((inner) => {
    const outer = connect(to, '127.0.0.1')
    inner.pipe(outer)
    outer.pipe(inner)
    for (const socket of [inner, outer]) socket.on('error', () => undefined)
    open.push(inner, outer)
  })
  await listen(relay)
  const all: Socket[] = []
  closeAfterwards({
    close() {
      relay.close()
      for (const socket of [...open, ...all]) socket.destroy()
    },
  })
  return {
    port: portOf(relay),
    silence() {
      for (const socket of open) {
        socket.unpipe()
        socket.pause()
      }
      all.push(...open)
      open = []
    },
  }
}

test('a server that nobody answers at is given up, and one that comes later is found', async () => {
  const stderr = listenToStderr()
  const port = await closedPort()
  const late = new XdsServer({ port })
  const { port: served } = await simpleWorld(late)
  const starting = control({ server: `127.0.0.1:${port}` })
  await expect.poll(stderr).toMatch(/is away \(.*ECONNREFUSED.*\): nothing is allowed yet\n/)
  closeAfterwards(await late.start())
  gateway(await starting)
  await expect.poll(() => get(served, 'a.test')).toBe('first')
  expect(stderr()).toMatch(/is back\n/)
})
