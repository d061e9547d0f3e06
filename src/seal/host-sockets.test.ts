// Holds the reading of /proc/net/unix, and the search for sockets on the machine that runs the test.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findHostSockets, findNewHostSockets, identityOf, parseUnixSockets } from './host-sockets.ts'

const header = 'Num       RefCount Protocol Flags    Type St Inode Path\n'
const rows: Record<string, { row: string; path?: string }> = {
  'a listening stream socket': {
    row: '0000000000000000: 00000002 00000000 00010000 0001 01 16384 /run/docker.sock',
    path: '/run/docker.sock',
  },
  'a listening seqpacket socket': {
    row: '0000000000000000: 00000002 00000000 00010000 0005 01 16385 /run/udev/control',
    path: '/run/udev/control',
  },
  'a datagram socket with a name': { row: '0000000000000000: 00000002 00000000 00000000 0002 01 16386 /dev/log', path: '/dev/log' },
  'a path with spaces': { row: '0000000000000000: 00000002 00000000 00010000 0001 01   17 /tmp/my socket', path: '/tmp/my socket' },
  'a relative path': { row: '0000000000000000: 00000002 00000000 00010000 0001 01 18 work/s', path: 'work/s' },
  'an abstract name, which belongs to the network namespace': {
    row: '0000000000000000: 00000002 00000000 00010000 0001 01 19 @/tmp/.X11-unix/X0',
  },
  'an accepted connection, which nobody can open anew': { row: '0000000000000000: 00000003 00000000 00000000 0001 03 20 /run/docker.sock' },
  'a socket without a name': { row: '0000000000000000: 00000003 00000000 00000000 0001 03 21' },
}

test.each(Object.entries(rows))('%s', (_name, { row, path }) => {
  expect(parseUnixSockets(`${header}${row}\n`).map((socket) => socket.path)).toEqual(path === undefined ? [] : [path])
})

let directory = ''
const servers: net.Server[] = []

async function listen(path: string): Promise<void> {
  const server = net.createServer()
  servers.push(server)
  await new Promise<void>((done) => server.listen(path, done))
}

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'seal-sockets-')))
  await listen(join(directory, 'first'))
})

afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  rmSync(directory, { recursive: true, force: true })
})

test('finds a socket that listens, and later a new one', async () => {
  const first = join(directory, 'first')
  expect(findHostSockets().paths).toContain(first)
  const known = new Map([[first, identityOf(first)]])
  await listen(join(directory, 'second'))
  expect(findNewHostSockets(known).filter((path) => path.startsWith(directory))).toEqual([join(directory, 'second')])
})

test('a socket that was made anew at its old place is new', () => {
  const first = join(directory, 'first')
  expect(findNewHostSockets(new Map([[first, 'another file']]))).toContain(first)
})
