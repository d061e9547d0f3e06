// Builds the small world that attempts are made in: this process stands on the machine of the workload, and plays the outside beyond its one cable.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { startNameServer } from '../../support/name-server.ts'
import { declaredAddress, declaredHost } from '../attempts/declared.ts'
import { abstractSockets, hostDatagramSockets, hostSockets } from '../attempts/sockets.ts'
import { type Capture, openCapture } from '../judge/capture.ts'
import type { Ledger } from '../judge/ledger.ts'
import { createOrigin } from '../judge/origin.ts'
import { type DatagramSentinel, listenForDatagrams, listenForMachine, listenOnPath, listenOutside } from '../judge/sentinels.ts'
import { createNode, type NetworkNode, within } from './namespaces.ts'
import { asOrdinaryLogin } from './rights.ts'
import { shell } from './shell.ts'

export interface World {
  readonly outside: NetworkNode
  readonly capture: Capture
  readonly datagrams: readonly DatagramSentinel[]
  /** What placeholders of attacks stand for, the same for all. */
  readonly facts: Readonly<Record<string, string>>
  /** Puts back what attacks without a seal may have changed. */
  restore(): void
  /** What seals must leave as it was, line by line. */
  state(): readonly string[]
  close(): void
}

export const machine = { v4: '192.0.2.2', v6: '2001:db8:0:1::2' }
const router = { v4: '192.0.2.1', v6: '2001:db8:0:1::1' }
/** As whom an ordinary program runs on a machine where attempts are made as root. */
const strangerId = 65_534
const resolver = '203.0.113.53'
const ports = { machine: 7007, outside: 7 }
const resolvConf = `nameserver ${resolver}\nsearch corp.test\noptions timeout:1 attempts:1\n`
const hosts = '127.0.0.1 localhost\n::1 localhost\n'

export const secondProc = '/tmp/second/proc'
const [mounted, mountedAgain] = ['/tmp/mounted', '/tmp/mounted-again']

export async function buildWorld(ledger: Ledger): Promise<World> {
  layFiles()
  const outside = createNode()
  const holder = await within(outside, async () => spawn('sleep', ['infinity'], { stdio: 'ignore' }))
  layCable(holder)
  const stranger =
    process.getuid?.() === 0 ? spawn('sleep', ['infinity'], { stdio: 'ignore', uid: strangerId, gid: strangerId }) : undefined
  const capture = await within(outside, () => startOutside(ledger))
  const datagrams = await startMachine(ledger)
  const [program, ...args] = [...asOrdinaryLogin(), 'sleep', 'infinity']
  const bystander = spawn(program, args, { stdio: 'ignore' })
  const world: World = {
    outside,
    capture,
    datagrams,
    facts: {
      own4: machine.v4,
      own6: machine.v6,
      gateway4: router.v4,
      bystander: String(bystander.pid),
      secondProc,
      secondMount: mountedAgain,
      resolvConf,
      hosts,
      run: runtimeDirectory(),
      home: homeDirectory,
      uid: String(process.getuid?.()),
      cgroup: releaseAgentDirectory() ?? '/sys/fs/cgroup',
    },
    restore: () => armMachine(),
    state: machineState,
    close() {
      holder.kill('SIGKILL')
      bystander.kill('SIGKILL')
      stranger?.kill('SIGKILL')
    },
  }
  world.restore()
  return world
}

export const homeDirectory = '/tmp/home'

export function runtimeDirectory(): string {
  return `/run/user/${process.getuid?.()}`
}

/** In the first hierarchy of the old kind of control groups. */
export function releaseAgentDirectory(): string | undefined {
  const root = '/sys/fs/cgroup'
  if (!existsSync(root)) return undefined
  return readdirSync(root)
    .map((name) => `${root}/${name}`)
    .find((path) => existsSync(`${path}/release_agent`))
}

/** Everything that attempts write to lies in file systems that vanish with this world. */
function layFiles(): void {
  const top = resolve(import.meta.dirname, basename(import.meta.dirname) === 'dist' ? '..' : '../../..')
  // The repository, or the program that runs this, may lie below what is about to be covered.
  const kept = [top, dirname(process.execPath)].filter((path) => /^\/(tmp|run|dev\/shm)\//.test(path))
  // Unresolved (-c): the path that the descriptor once had is covered by now.
  const keep = kept.map((path, index) => `exec ${index + 5}<'${path}'`)
  const put = kept.map((path, index) => `mkdir -p '${path}'; mount -c --bind /proc/self/fd/${index + 5} '${path}'`)
  const conf = resolveLink('/etc/resolv.conf')
  shell([
    ...keep,
    'for at in /run /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777 none $at; done',
    ...put,
    'mkdir -p /tmp/escape /tmp/mounted /tmp/mounted-again /tmp/second/proc /tmp/relative /tmp/linked /tmp/renamed /tmp/own',
    'mount -t tmpfs none /tmp/mounted; mount --bind /tmp/mounted /tmp/mounted-again',
    'mount -t proc none /tmp/second/proc || true',
    // As most hosts have it: a mount that the seal's fresh /proc hides.
    'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || true',
    'mount -t devpts -o newinstance,ptmxmode=0666,mode=0600 none /dev/pts; mount --bind /dev/pts/ptmx /dev/ptmx',
    `printf '%s' '${hosts}' > /tmp/own/hosts; mount --bind /tmp/own/hosts /etc/hosts`,
    `printf '%s' '${resolvConf}' > /tmp/own/resolv.conf`,
    // A link into what was covered just now has lost its target.
    `if [ -e '${conf}' ]; then mount --bind /tmp/own/resolv.conf '${conf}'; else mkdir -p "$(dirname '${conf}')"; cp /tmp/own/resolv.conf '${conf}'; fi`,
  ])
  mkdirSync(homeDirectory, { recursive: true })
  mkdirSync(runtimeDirectory(), { recursive: true })
  symlinkSync('/run/docker.sock', '/tmp/link-to-docker')
}

function resolveLink(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : path
}

function layCable(holder: ChildProcess): void {
  shell([
    ...ifIpv6('for each in all default; do echo 0 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done'),
    'ip link set lo up',
    `ip link add eth0 type veth peer name out0 netns ${holder.pid}`,
    `ip addr add ${machine.v4}/24 brd + dev eth0; ip link set eth0 up; ip route add default via ${router.v4}`,
    ...ifIpv6(`ip addr add ${machine.v6}/64 dev eth0 nodad`, `ip -6 route add default via ${router.v6}`),
    'ip route add unreachable 198.19.0.0/17',
    `echo '${process.getgid?.()} ${process.getgid?.()}' > /proc/sys/net/ipv4/ping_group_range`,
    // A machine that routes 127/8 is more open than most: what is shut must be shut by the seal.
    'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet',
    'echo 1 > /proc/sys/net/ipv4/tcp_fastopen',
  ])
}

async function startOutside(ledger: Ledger): Promise<Capture> {
  shell([
    'ip link set lo up',
    ...ifIpv6('for each in all default out0; do echo 0 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done'),
    `ip addr add ${router.v4}/24 dev out0; ip link set out0 up`,
    ...ifIpv6(`ip addr add ${router.v6}/64 dev out0 nodad; ip addr add fe80::1/64 dev out0 nodad`),
    `ip addr add ${declaredAddress}/32 dev lo; ip addr add ${resolver}/32 dev lo`,
    // In the main table, after the link's own route: everything else is here.
    'ip route add local 0.0.0.0/0 dev lo table main',
    ...ifIpv6('ip -6 route add local ::/0 dev lo table main'),
    `nft '${leadTo(ports.outside, `ip daddr ${declaredAddress} tcp dport { 80, 443 } accept; ip daddr ${resolver} accept;`)}'`,
  ])
  const capture = openCapture('out0', ledger)
  await listenOutside(ports.outside, ledger)
  const { plain, secure } = createOrigin(ledger)
  await new Promise<void>((done) => plain.listen({ host: declaredAddress, port: 80 }, done))
  await new Promise<void>((done) => secure.listen({ host: declaredAddress, port: 443 }, done))
  await startNameServer(
    { [declaredHost]: [declaredAddress] },
    {
      address: resolver,
      port: 53,
      onQuestion: (question) => ledger.add({ what: `a question to the name server outside: ${question.slice(0, 80)}`, text: question }),
    },
  )
  return capture
}

export function hasIpv6(): boolean {
  return existsSync('/proc/sys/net/ipv6')
}

function ifIpv6(...lines: readonly string[]): readonly string[] {
  return hasIpv6() ? lines : []
}

function leadTo(port: number, except: string): string {
  const rules = `${except} tcp dport != ${port} redirect to :${port};`
  return `table inet outside { chain in { type nat hook prerouting priority -100; ${rules} }; chain out { type nat hook output priority -100; fib daddr type != local accept; ${rules} }; }`
}

async function startMachine(ledger: Ledger): Promise<readonly DatagramSentinel[]> {
  await listenForMachine(ports.machine, hasIpv6(), ledger)
  const fill = (path: string): string =>
    path.replace('{run}', runtimeDirectory()).replace('{home}', homeDirectory).replace('{uid}', String(process.getuid?.()))
  const own = [`${mounted}/daemon.sock`, '/tmp/linked/some.sock', '/tmp/renamed/some.sock', '/tmp/hidden/daemon.sock']
  for (const path of new Set([...hostSockets.map(({ path }) => fill(path)), ...abstractSockets, ...own].map(withoutLink)))
    await listenOnPath(path, ledger)
  // For good: a daemon that binds a relative path stays where it is.
  process.chdir('/tmp/relative')
  await listenOnPath('some.sock', ledger)
  return hostDatagramSockets.map(({ path }) => listenForDatagrams(path, ledger))
}

/** /var/run is /run. */
function withoutLink(path: string): string {
  return path.replace(/^\/var\/run\//, '/run/')
}

/** Interfaces, routes, rules, mounts, and who answers for names. Counts of packets do not matter. */
function machineState(): readonly string[] {
  const text = shell([
    'ip -o addr | sed -e "s/tentative//" -e "s/valid_lft.*//"',
    'ip route; ip -6 route; ip rule; ip -6 rule || true',
    'nft list ruleset',
    'cat /proc/self/mountinfo /etc/resolv.conf /etc/hosts',
    'cat /proc/sys/net/ipv4/ip_unprivileged_port_start',
    'ls /tmp /run /var/tmp /dev/shm',
  ])
  return text
    .split('\n')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter(Boolean)
}

/** All of loopback leads to one listener; some addresses are blocked; files say again what they said. */
function armMachine(): void {
  const rules = `fib daddr type local tcp dport != ${ports.machine} redirect to :${ports.machine}; fib daddr type local udp dport != ${ports.machine} redirect to :${ports.machine};`
  shell([
    'nft flush ruleset',
    `nft 'table inet machine { chain out { type nat hook output priority -100; ${rules} }; }'`,
    "nft 'table ip wall { chain out { type filter hook output priority 0; ip daddr 198.19.128.0/17 reject; }; }'",
  ])
  writeFileSync('/etc/hosts', hosts)
  writeFileSync('/etc/resolv.conf', resolvConf)
  chmodSync('/tmp', 0o1777)
}
