// Attacks the seal from inside, as the init, which may more than the workload: what it cannot do, the workload cannot.
import { closeSync, lstatSync, openSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { bytesOf, messageOf, parseIp } from '../base/index.ts'
import { probeHosts } from '../intercept/index.ts'
import type { Probe, SelfTestReport } from './contract.ts'
import { errno, tryIoctl, trySendTo, trySocket, trySystemCall } from './libc.ts'
import { type Architecture, refusedRequests, systemCalls } from './seccomp.ts'

export interface SelfTestFacts {
  readonly nonce: string
  readonly probePort: number
  readonly hasIpv6: boolean
  readonly architecture: Architecture
  /** Sockets outside that a cover lies over. */
  readonly covered: readonly string[]
  /** Says what is wrong with the capture rules, nothing when they are as they were meant. */
  readonly checkRules: () => Promise<readonly string[]>
}

export async function runSelfTest(facts: SelfTestFacts): Promise<SelfTestReport> {
  const started = performance.now()
  // Synchronous ones first: they take microseconds, and the others wait for the sidecar anyway.
  const quick = [...packetProbes(facts.hasIpv6), ...callProbes(facts.architecture), interfaceProbe(), settingsProbe()]
  const slow = await Promise.all([
    sidecarProbe('TCP over IPv4', probeHosts.ipv4, facts),
    ...(facts.hasIpv6 ? [sidecarProbe('TCP over IPv6', probeHosts.ipv6, facts)] : []),
    hostSocketProbe(facts.covered),
    ruleProbe(facts.checkRules),
  ])
  return summarize([...quick, ...slow], performance.now() - started)
}

export function summarize(probes: readonly Probe[], milliseconds: number): SelfTestReport {
  return {
    ok: probes.every((probe) => probe.outcome === 'held'),
    escaped: probes.some((probe) => probe.outcome === 'escaped'),
    probes,
    milliseconds: Math.round(milliseconds * 10) / 10,
  }
}

/** One sentence for people: which probes did not hold. */
export function describeReport(report: SelfTestReport): string {
  const bad = report.probes.filter((probe) => probe.outcome !== 'held')
  return bad.length === 0 ? `all ${report.probes.length} probes held` : bad.map((probe) => `${probe.name}: ${probe.detail}`).join('; ')
}

/** What one self-test adds to the counts of refused packets, so that reports can leave it out. */
export function ownRefusals(
  hasIpv6: boolean,
): readonly { readonly protocol: string; readonly destination: string; readonly port: number }[] {
  return packets
    .filter((packet) => packet.family === 4 || hasIpv6)
    .map(({ family, counted, port }) => ({ protocol: counted, destination: family === 4 ? probeHosts.ipv4 : probeHosts.ipv6, port }))
}

const inet = { 4: 2, 6: 10 } as const
const socketType = { stream: 1, datagram: 2, raw: 3 } as const

/** All of these must be refused by the rules: the init may open any of these sockets, so that nothing else can be what stops them. */
const packets = [
  { name: 'UDP to port 443', family: 4, type: socketType.datagram, protocol: 0, port: 443, counted: 'udp' },
  { name: 'UDP over IPv6 to port 443', family: 6, type: socketType.datagram, protocol: 0, port: 443, counted: 'udp' },
  { name: 'UDP to port 853', family: 4, type: socketType.datagram, protocol: 0, port: 853, counted: 'udp' },
  { name: 'ICMP', family: 4, type: socketType.raw, protocol: 1, port: 0, counted: 'icmp' },
  { name: 'ICMP over IPv6', family: 6, type: socketType.raw, protocol: 58, port: 0, counted: 'ipv6-icmp' },
  { name: 'a raw socket', family: 4, type: socketType.raw, protocol: 253, port: 0, counted: '253' },
] as const

function packetProbes(hasIpv6: boolean): Probe[] {
  return packets
    .filter((packet) => packet.family === 4 || hasIpv6)
    .map(({ name, family, type, protocol, port }) => {
      const fd = trySocket(inet[family], type, protocol)
      if (fd < 0) return { name, outcome: 'held', detail: `socket refused (errno ${-fd})` }
      const address = socketAddress(family === 4 ? probeHosts.ipv4 : probeHosts.ipv6, type === socketType.raw ? 0 : port)
      // An ICMP echo request with a right checksum, and as good as any other bytes for the rest.
      const sent = trySendTo(fd, Buffer.from([8, 0, 0xf7, 0xff, 0, 0, 0, 0]), address)
      closeSync(fd)
      return sent < 0
        ? { name, outcome: 'held', detail: `refused (errno ${-sent})` }
        : { name, outcome: 'escaped', detail: 'a packet was sent' }
    })
}

function callProbes(architecture: Architecture): Probe[] {
  const calls = systemCalls[architecture]
  const families = { AF_VSOCK: 40, AF_PACKET: 17 }
  return [
    ...Object.entries(families).map(([name, family]) => {
      const fd = trySocket(family, socketType.stream, 0)
      if (fd >= 0) closeSync(fd)
      return expectErrno(name, fd, [errno.EAFNOSUPPORT])
    }),
    // Without its parameter it would answer EFAULT; EPERM where an administrator has switched it off.
    expectErrno('io_uring', trySystemCall(calls.ioUring[0], 1, 0), [errno.ENOSYS, errno.EPERM]),
    expectErrno('typing into the terminal', tryIoctl(-1, refusedRequests[0]), [errno.EPERM]),
    // Without a type it would answer EFAULT.
    expectErrno('keyrings', trySystemCall(calls.keyrings[0], 0, 0, 0, 0), [errno.EPERM]),
  ]
}

function expectErrno(name: string, result: number, expected: readonly number[]): Probe {
  if (expected.includes(-result)) return { name, outcome: 'held', detail: `refused (errno ${-result})` }
  return { name, outcome: 'escaped', detail: result < 0 ? `the system call filter let it through (errno ${-result})` : 'it was allowed' }
}

function interfaceProbe(): Probe {
  const lines = readFileSync('/proc/net/dev', 'utf8').split('\n').slice(2)
  const others = lines.map((line) => line.split(':')[0]?.trim() ?? '').filter((name) => name !== '' && name !== 'lo')
  const name = 'network interfaces'
  return others.length === 0
    ? { name, outcome: 'held', detail: 'loopback only' }
    : { name, outcome: 'escaped', detail: `there is ${others.join(', ')} beside loopback` }
}

/** A workload of root could otherwise have a program of its own started outside. */
function settingsProbe(): Probe {
  const name = 'kernel settings'
  try {
    closeSync(openSync('/proc/sys/kernel/core_pattern', 'r+'))
    return { name, outcome: 'escaped', detail: '/proc/sys can be written' }
  } catch (error) {
    return { name, outcome: 'held', detail: messageOf(error) }
  }
}

/** A few of what is seen: one that cannot be reached proves nothing about the next. */
export async function hostSocketProbe(covered: readonly string[]): Promise<Probe> {
  const name = 'sockets outside'
  const seen = covered.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSocket()).slice(0, mostSeen)
  const answers = await Promise.all(seen.map(reach))
  const reached = seen.find((_path, index) => answers[index] === undefined)
  if (reached !== undefined) return { name, outcome: 'escaped', detail: `${reached} can be reached` }
  return { name, outcome: 'held', detail: [`${covered.length} covered`, ...answers].join(', ') }
}

/** Says why not. A socket of another type would take what is sent to it, so that it counts as reached. */
function reach(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ path })
    socket.setTimeout(patience, () => socket.destroy(new Error('no answer')))
    socket.on('connect', () => resolve(undefined))
    socket.on('connect', () => socket.destroy())
    socket.on('error', (error) => resolve('code' in error && error.code === 'EPROTOTYPE' ? undefined : error.message))
  })
}

async function ruleProbe(checkRules: SelfTestFacts['checkRules']): Promise<Probe> {
  const name = 'capture rules'
  try {
    const wrong = await checkRules()
    return wrong.length === 0 ? { name, outcome: 'held', detail: 'as installed' } : { name, outcome: 'escaped', detail: wrong.join('; ') }
  } catch (error) {
    return { name, outcome: 'unanswered', detail: messageOf(error) }
  }
}

const patience = 3000
const mostSeen = 16

/** Only the sidecar knows the nonce: any other answer comes from somewhere else. */
function sidecarProbe(name: string, host: string, facts: SelfTestFacts): Promise<Probe> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = net.connect({ host, port: facts.probePort })
    const settle = (outcome: Probe['outcome'], detail: string) => {
      socket.destroy()
      resolve({ name, outcome, detail })
    }
    const judge = (why: string) => {
      if (answer.trim() === facts.nonce) return settle('held', 'landed in the sidecar')
      if (answer !== '') return settle('escaped', 'somebody else answered')
      return settle('unanswered', `the sidecar did not answer: ${why}`)
    }
    socket.setTimeout(patience, () => judge(`nothing in ${patience} ms`))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > facts.nonce.length + 2) judge('too much')
    })
    socket.on('end', () => judge('connection closed'))
    socket.on('error', (error) => judge(error.message))
    socket.on('close', () => judge('connection closed'))
  })
}

/** struct sockaddr_in, or sockaddr_in6. */
function socketAddress(host: string, port: number): Buffer {
  const ip = parseIp(host)
  const bytes = ip === undefined ? new Uint8Array(4) : bytesOf(ip)
  const address = Buffer.alloc(bytes.length === 4 ? 16 : 28)
  address.writeUInt16LE(bytes.length === 4 ? inet[4] : inet[6], 0)
  address.writeUInt16BE(port, 2)
  address.set(bytes, bytes.length === 4 ? 4 : 8)
  return address
}
