// Holds how single probes add up to a verdict, and how sockets outside are probed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Probe } from './contract.ts'
import { describeReport, hostSocketProbe, summarize } from './self-test.ts'

const held: Probe = { name: 'ICMP', outcome: 'held', detail: 'refused' }
const escaped: Probe = { name: 'AF_VSOCK', outcome: 'escaped', detail: 'it was allowed' }
const unanswered: Probe = { name: 'TCP over IPv4', outcome: 'unanswered', detail: 'nothing in 3000 ms' }

const cases: Record<string, { probes: readonly Probe[]; ok: boolean; escaped: boolean }> = {
  'all held': { probes: [held, held], ok: true, escaped: false },
  'one got out': { probes: [held, escaped], ok: false, escaped: true },
  'one without an answer is not good, but no escape either': { probes: [held, unanswered], ok: false, escaped: false },
  both: { probes: [unanswered, escaped], ok: false, escaped: true },
}

test.each(Object.entries(cases))('%s', (_name, { probes, ...expected }) => {
  expect(summarize(probes, 1)).toMatchObject(expected)
})

test('a report names what did not hold', () => {
  expect(describeReport(summarize([held, escaped], 1))).toBe('AF_VSOCK: it was allowed')
  expect(describeReport(summarize([held], 1))).toBe('all 1 probes held')
})

test('a socket outside that is reached is found behind one that refuses, and one of datagrams counts as reached', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'seal-probe-'))
  const at = (name: string): string => join(directory, name)
  writeFileSync(at('file'), '')
  const dead = await listen(at('left'))
  linkSync(at('left'), at('refusing'))
  await new Promise((done) => dead.close(done))
  const server = await listen(at('listening'))
  // Node.js has no such sockets.
  const bound = 'socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un(shift)) && syswrite(STDOUT, "bound"); <STDIN>'
  const datagram = spawn('perl', ['-MSocket', '-e', bound, at('datagram')], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    await once(datagram.stdout, 'data')
    expect(await hostSocketProbe([at('file'), at('absent')])).toMatchObject({ outcome: 'held', detail: '2 covered' })
    expect(await hostSocketProbe([at('refusing')])).toMatchObject({ outcome: 'held' })
    for (const name of ['listening', 'datagram']) {
      expect(await hostSocketProbe([at('refusing'), at(name)])).toMatchObject({ outcome: 'escaped', detail: `${at(name)} can be reached` })
    }
  } finally {
    datagram.kill()
    server.close()
    rmSync(directory, { recursive: true })
  }
})

async function listen(path: string): Promise<net.Server> {
  const server = net.createServer((socket) => socket.end())
  await new Promise<void>((done) => server.listen(path, done))
  return server
}
