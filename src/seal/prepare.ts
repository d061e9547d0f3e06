// Builds the seal from inside, stage by stage, up to the point where the sockets can be handed over; the first failure is the last thing that happens.
import dgram from 'node:dgram'
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, resolve } from 'node:path'
import { deferred, messageOf, SallyportError, withTimeout } from '../base/index.ts'
import { applyRuleset, type CapturePorts, configureLinks, loopbackBatch, probeHosts, renderRuleset } from '../intercept/index.ts'
import type { Layer } from './contract.ts'
import { closeOnExec, installFilter } from './libc.ts'
import { hostsPath, type MaskFacts, planMasks, planRoot } from './masks.ts'
import type { DoorName, Setup, SocketName } from './messages.ts'
import { mountMasks, readMounts } from './mount-masks.ts'
import { isWithin } from './mount-info.ts'
import { type Architecture, assembleFilter, encodeFilter, isArchitecture } from './seccomp.ts'
import type { StageName } from './stages.ts'

export interface Inside {
  readonly sockets: ReadonlyMap<SocketName, net.Server | dgram.Socket>
  readonly ports: CapturePorts
  readonly hasIpv6: boolean
  readonly architecture: Architecture
  readonly maskFacts: MaskFacts
}

/** Names the step for whoever reads the error. */
export class StageError extends Error {
  readonly stage: StageName
  constructor(stage: StageName, cause: unknown) {
    super(messageOf(cause), { cause })
    this.stage = stage
  }
}

export async function prepareInside(setup: Setup, without: Layer | undefined): Promise<Inside> {
  const isolated = without !== 'namespaces'
  const hasIpv6 = existsSync('/proc/sys/net/ipv6')
  await stage('namespaces', () => (isolated ? checkNamespaces(setup.outside) : undefined))
  // While a program is under way, what needs none is done: together they take as long as the programs alone.
  // The order matters: settings are written, and the program started, before masks make /proc/sys read-only.
  const [, maskFacts] = await Promise.all([
    stage('links', () => (isolated ? configure(setup, hasIpv6) : undefined)),
    stage('masks', () => mask(setup, isolated && without !== 'masks')),
  ])
  const sockets = await stage('sockets', () => openSockets(hasIpv6))
  const ports = portsOf(sockets)
  const [architecture] = await Promise.all([
    stage('seccomp', () => filterSystemCalls(without === 'seccomp')),
    stage('capture', () => (isolated && without !== 'nft' ? capture(setup, ports, sockets) : undefined)),
    stage('descriptors', markDescriptors),
  ])
  return { sockets, ports, hasIpv6, architecture, maskFacts }
}

export async function stage<T>(name: StageName, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new StageError(name, error)
  }
}

/** Rules and masks for the machine itself would be a disaster: never without namespaces of our own. */
function checkNamespaces(outside: Readonly<Record<string, string>>): void {
  const shared = Object.keys(outside).filter((name) => readlinkSync(`/proc/self/ns/${name}`) === outside[name])
  if (shared.length > 0) throw new SallyportError('SLP2001', `the ${shared.join(', ')} namespace is still the caller’s`)
  if (process.pid !== 1) throw new SallyportError('SLP2001', `the init is process ${process.pid} instead of 1`)
}

async function configure(setup: Setup, hasIpv6: boolean): Promise<void> {
  // Some machines switch IPv6 off for new namespaces: then half of the world would be "unreachable" instead of refused with a name.
  if (hasIpv6) for (const scope of ['all', 'lo']) writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, '0')
  // So that the workload can listen on its usual port without being root.
  writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0')
  await configureLinks(setup.tools, loopbackBatch(hasIpv6))
}

async function openSockets(hasIpv6: boolean): Promise<Map<SocketName, net.Server | dgram.Socket>> {
  const sockets = new Map<SocketName, net.Server | dgram.Socket>()
  // At loopback, where `redirect` leads; a UDP answer from any other address would miss the reversal.
  sockets.set('tcp4', await listen('127.0.0.1'))
  sockets.set('dnsTcp4', await listen('127.0.0.1'))
  sockets.set('dnsUdp4', await bind('udp4', '127.0.0.1'))
  if (!hasIpv6) return sockets
  sockets.set('tcp6', await listen('::1'))
  sockets.set('dnsTcp6', await listen('::1'))
  sockets.set('dnsUdp6', await bind('udp6', '::1'))
  return sockets
}

/** At the workload's own loopback, at a port that it knows. */
export async function openDoor(port: number, hasIpv6: boolean): Promise<Map<DoorName, net.Server>> {
  const door = new Map<DoorName, net.Server>([['door4', await listen('127.0.0.1', port)]])
  if (hasIpv6) door.set('door6', await listen('::1', port))
  return door
}

const backlog = 4096

function listen(host: string, port = 0): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen({ host, port, backlog }, () => done(server))
  })
}

function bind(type: 'udp4' | 'udp6', address: string): Promise<dgram.Socket> {
  const socket = dgram.createSocket(type)
  return new Promise((done, failed) => {
    socket.once('error', failed)
    socket.bind({ address, port: 0 }, () => done(socket))
  })
}

function portsOf(sockets: ReadonlyMap<SocketName, net.Server | dgram.Socket>): CapturePorts {
  const port = (name: SocketName): number => {
    const address = sockets.get(name)?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }
  const ipv6 = sockets.has('tcp6') ? { tcp: port('tcp6'), dnsUdp: port('dnsUdp6'), dnsTcp: port('dnsTcp6') } : undefined
  return { tcp4: port('tcp4'), dnsUdp4: port('dnsUdp4'), dnsTcp4: port('dnsTcp4'), ...(ipv6 ? { ipv6 } : {}) }
}

/** Rules, and the proof that a question to some resolver arrives here: later only the sidecar could tell. */
async function capture(setup: Setup, ports: CapturePorts, sockets: ReadonlyMap<SocketName, net.Server | dgram.Socket>): Promise<void> {
  await applyRuleset(setup.tools, renderRuleset(ports))
  const questions = [
    ['dnsUdp4', 'udp4', probeHosts.ipv4],
    ['dnsUdp6', 'udp6', probeHosts.ipv6],
  ] as const
  await Promise.all(
    questions.map(async ([name, type, host]) => {
      const socket = sockets.get(name)
      if (socket instanceof dgram.Socket) await expectQuestion(socket, type, host)
    }),
  )
}

async function expectQuestion(resolver: dgram.Socket, type: 'udp4' | 'udp6', host: string): Promise<void> {
  const arrived = deferred<void>()
  const asker = dgram.createSocket(type)
  const listener = () => arrived.resolve()
  resolver.on('message', listener)
  asker.on('error', arrived.reject)
  try {
    asker.send('?', 53, host, (error) => error && arrived.reject(error))
    await withTimeout(arrived.promise, 2000, `a question to ${host} port 53 did not reach the sidecar’s socket`)
  } finally {
    resolver.off('message', listener)
    asker.close()
  }
}

async function mask(setup: Setup, isOn: boolean): Promise<MaskFacts> {
  const facts = gatherMaskFacts(setup)
  if (isOn) await mountMasks(planMasks(facts))
  if (setup.root) {
    await mountMasks(planRoot({ ...setup.root, hasAuthorities: hasAuthorities(setup.root.path) }, facts))
    process.chdir('/')
    return facts
  }
  // By its path, anew: a directory that was entered before would still lead below what now lies over it.
  try {
    process.chdir(setup.cwd)
  } catch (cause) {
    throw new SallyportError('SLP2002', `the working directory ${setup.cwd} cannot be entered inside: ${messageOf(cause)}`, {
      cause,
      fix: 'start from another directory, or keep this one with --expose',
    })
  }
  return facts
}

/** As a program of this root would find them; a link counts, whatever is behind it. */
function hasAuthorities(root: string): boolean {
  return ['ssl', 'pki'].some((name) => lstatSync(`${root}/etc/${name}`, { throwIfNoEntry: false }) !== undefined)
}

function gatherMaskFacts(setup: Setup): MaskFacts {
  const resolvConfPath = findResolvConf()
  return {
    mounts: readMounts(),
    hostSockets: setup.hostSockets,
    expose: setup.expose.flatMap(expandWhole),
    readOnly: setup.readOnly,
    hidden: setup.hidden,
    pins: [...new Set([...setup.readOnly, ...setup.hidden, hostsPath].flatMap(directoriesAbove))].filter(canBeRenamed),
    privateTmp: setup.privateTmp,
    resolvConf: setup.resolvConf,
    ...(existsSync(hostsPath) ? { hosts: readFileSync(hostsPath, 'utf8') } : {}),
    ...(resolvConfPath === undefined ? {} : { resolvConfPath }),
    hasOwnVarRun: lstatSync('/var/run', { throwIfNoEntry: false })?.isDirectory() ?? false,
    ...(setup.runtimeDirectory ? { runtimeDirectory: setup.runtimeDirectory } : {}),
    ...(setup.terminal ? { terminal: setup.terminal.path } : {}),
    hasTtyGroup: mapsId(readFileSync('/proc/self/gid_map', 'utf8'), 5),
    inUse: setup.root ? [setup.root.path] : [setup.cwd, setup.env['HOME'] ?? '/'],
  }
}

/** A whole tree that the seal replaces is kept entry by entry: our own files need a place in it. */
function expandWhole(path: string): string[] {
  return ['/run', '/dev'].includes(path) ? readdirSync(path).map((name) => `${path}/${name}`) : [path]
}

function directoriesAbove(path: string): string[] {
  const above = dirname(path)
  return above === '/' ? [] : [...directoriesAbove(above), above]
}

/** As far as this process can tell, which may more than the workload: a pin too many does no harm but to hard links. */
function canBeRenamed(directory: string): boolean {
  try {
    accessSync(dirname(directory), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Often a link into /run, whose target is about to disappear and may already be missing. */
function findResolvConf(): string | undefined {
  const path = '/etc/resolv.conf'
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  if (existsSync(path)) return realpathSync(path)
  const target = resolve('/etc', readlinkSync(path))
  return isWithin(target, '/run') ? target : undefined
}

/** /proc/self/gid_map: first id inside, first id outside, how many. */
export function mapsId(map: string, id: number): boolean {
  return map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([first = 0, , count = 0]) => id >= first && id < first + count)
}

function markDescriptors(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd > 2) closeOnExec(fd)
  }
}

function filterSystemCalls(isOff: boolean): Architecture {
  if (!isArchitecture(process.arch)) throw new SallyportError('SLP2006', `there is no filter for ${process.arch} processors`)
  if (!isOff) installFilter(encodeFilter(assembleFilter(process.arch)))
  return process.arch
}
