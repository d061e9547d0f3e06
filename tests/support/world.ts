// Builds a small network of nodes out of namespaces, as root or as anybody, that vanishes with the process which made it.
import { existsSync } from 'node:fs'
import { spawnProcess } from './node-process.ts'
import type { NodeProcess, Output, ProcessOptions } from './node-process.ts'

export interface Topology {
  readonly nodes: Readonly<Record<string, NodePlan>>
}

/** A node hangs on the one bridge of its world by `eth0`. */
export interface NodePlan {
  /** `ADDR/LENGTH` of eth0. */
  readonly addresses: readonly string[]
  /** Where its default routes lead, at most one address per family. */
  readonly gateways?: readonly string[]
  /** Networks all of whose addresses are this node. */
  readonly local?: readonly string[]
  /** Addresses of those that swallow whatever is sent to them. */
  readonly swallows?: readonly string[]
  /** Text of its /etc/resolv.conf. */
  readonly resolvConf?: string
}

export interface World {
  node(name: string): WorldNode
  /** Ends every process in the world and waits until they are gone. */
  close(): Promise<void>
}

export interface WorldNode {
  readonly name: string
  /** Of the first address. */
  readonly address: string
  /** A command line that runs what follows it inside the node. */
  readonly enter: readonly string[]
  spawn(command: string, args: readonly string[], options?: SpawnOptions): NodeProcess
  /** Runs to the end; rejects when the time limit is over, not when the exit code says no. */
  exec(command: string, args: readonly string[], options?: SpawnOptions & ExecOptions): Promise<Output>
  /** From now on only its own network is reachable. */
  loseRoute(): Promise<void>
  regainRoute(): Promise<void>
}

export interface SpawnOptions extends ProcessOptions {
  /** Runs it as this user id, without any group or right of root; only in worlds that are not rootless. */
  readonly user?: number
}

export interface ExecOptions {
  readonly input?: string
  readonly timeoutMs?: number
}

export interface WorldOptions {
  /** In a user namespace of its own, where only uid 0 exists; always so unless the caller is root. */
  readonly rootless?: boolean
}

const execMs = 30_000

/** Namespaces hang on processes alone: no name under /run/netns, no file, so that nothing is left after SIGKILL either. */
export async function createWorld(topology: Topology, options: WorldOptions = {}): Promise<World> {
  const isRootless = options.rootless === true || process.getuid?.() !== 0
  const first = await holdNamespaces(isRootless)
  try {
    const nodes = new Map<string, WorldNode>()
    for (const [name, plan] of Object.entries(topology.nodes)) nodes.set(name, await createNode(first, name, plan))
    return {
      node: (name) => nodes.get(name) ?? unknownNode(name, [...nodes.keys()]),
      close: () => first.end(),
    }
  } catch (error) {
    await first.end()
    throw error
  }
}

/** The process on which a world hangs. */
interface Holder {
  /** As this process sees it. */
  readonly pid: number
  readonly userFlags: readonly string[]
  readonly spawned: Set<NodeProcess>
  end(): Promise<void>
}

/** PID 1 of the world; waits for orphans, so that they leave no zombies behind. */
const holdOn =
  'ip link set lo up && ip link add br0 type bridge && ip link set br0 up && echo ready && while :; do sleep 86400 & wait $!; done'

async function holdNamespaces(isRootless: boolean): Promise<Holder> {
  const user = isRootless ? ['--user', '--map-root-user'] : []
  const unshare = ['unshare', ...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--', 'sh', '-c', holdOn]
  // A session of its own: what the terminal sends to the caller's group (Ctrl-C) must not end the world before the caller does.
  const holder = spawnProcess(['setpriv', '--pdeathsig', 'KILL', ...unshare], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  await holder.says('ready').catch((error: Error) => {
    throw new Error(
      `cannot make a world of namespaces${isRootless ? ' without root: are user namespaces switched off here?' : ''}\n${error.message}`,
    )
  })
  const pid = holder.innerPid()
  const spawned = new Set<NodeProcess>()
  return {
    pid,
    userFlags: isRootless ? ['--user', '--preserve-credentials'] : [],
    spawned,
    async end() {
      // The kernel ends all others with PID 1 and lets it go only after them.
      if (!holder.hasEnded) process.kill(pid, 'SIGKILL')
      await Promise.all([holder.ended, ...[...spawned].map((each) => each.ended)])
    },
  }
}

async function createNode(world: Holder, name: string, plan: NodePlan): Promise<WorldNode> {
  const prepare = plan.resolvConf === undefined ? '' : `printf %s "$RESOLV_CONF" | { ${bindResolvConf}; } && `
  const command = ['unshare', '--net', '--mount', '--', 'sh', '-c', `${prepare}echo ready && exec sleep infinity`]
  const holder = spawnProcess([...enterArguments(world, world.pid), ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { RESOLV_CONF: plan.resolvConf ?? '' },
  })
  world.spawned.add(holder)
  await holder.says('ready')
  const pid = holder.innerPid()
  await configure(world, pid, name, plan)
  return describeNode(world, { name, plan, pid })
}

// The file lives in a mount that nobody else sees, and has no other name once it is bound.
const bindResolvConf =
  'mount -t tmpfs none /mnt && cat > /mnt/resolv.conf && mount --bind /mnt/resolv.conf "$(readlink -f /etc/resolv.conf)" && umount -l /mnt'

async function configure(world: Holder, pid: number, name: string, plan: NodePlan): Promise<void> {
  const hub = networkArguments(world, world.pid)
  await batch(hub, [`link add ${name} type veth peer name eth0 netns ${pid}`, `link set ${name} master br0 up`])
  const node = networkArguments(world, pid)
  await batch(node, [
    'link set lo up',
    ...plan.addresses.map((address) => `addr add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`),
    'link set eth0 up',
    ...routes(plan, 'add'),
    ...(plan.local ?? []).map((network) => `route add local ${network} dev lo`),
  ])
  if ((plan.swallows ?? []).length > 0) await runInside([...node, 'nft', '-f', '-'], { input: swallowing(plan.swallows ?? []) })
}

function describeNode(world: Holder, node: { readonly name: string; readonly plan: NodePlan; readonly pid: number }): WorldNode {
  const enter = enterArguments(world, node.pid)
  const network = networkArguments(world, node.pid)
  const spawn: WorldNode['spawn'] = (command, args, options = {}) => {
    const id = String(options.user)
    const become = options.user === undefined ? [] : ['setpriv', '--reuid', id, '--regid', id, '--clear-groups', '--inh-caps=-all', '--']
    // nsenter changes to the root of the node's mount namespace.
    const started = spawnProcess([...enter, ...become, 'env', '-C', options.cwd ?? process.cwd(), command, ...args], options)
    world.spawned.add(started)
    void started.ended.then(() => world.spawned.delete(started))
    return started
  }
  return {
    name: node.name,
    address: node.plan.addresses[0]?.replace(/\/.*/, '') ?? '',
    enter,
    spawn,
    exec: (command, args, options = {}) => finish(spawn(command, args, options), options),
    loseRoute: () => batch(network, routes(node.plan, 'del')),
    regainRoute: () => batch(network, routes(node.plan, 'add')),
  }
}

function routes(plan: NodePlan, verb: 'add' | 'del'): string[] {
  return (plan.gateways ?? []).map((gateway) => `route ${verb} default via ${gateway}`)
}

function swallowing(addresses: readonly string[]): string {
  const rules = addresses.map((address) => `${address.includes(':') ? 'ip6' : 'ip'} daddr ${address} drop`)
  return `table inet world {\n chain in {\n  type filter hook input priority 0\n  ${rules.join('\n  ')}\n }\n}\n`
}

/** Into all namespaces of a process, to run a program there for good. */
function enterArguments(world: Holder, pid: number): string[] {
  return ['nsenter', '--target', String(pid), ...world.userFlags, '--net', '--mount', '--pid', '--']
}

/** Into the network only: process ids then mean what they mean here. */
function networkArguments(world: Holder, pid: number): string[] {
  return ['nsenter', '--target', String(pid), ...world.userFlags, '--net', '--']
}

async function batch(network: readonly string[], lines: readonly string[]): Promise<void> {
  // A kernel that was started without IPv6 has worlds without it.
  for (const family of existsSync('/proc/sys/net/ipv6') ? [4, 6] : [4]) {
    const chosen = lines.filter((line) => line.includes(':') === (family === 6))
    if (chosen.length > 0) await runInside([...network, 'ip', `-${family}`, '-batch', '-'], { input: `${chosen.join('\n')}\n` })
  }
}

async function runInside(argv: readonly string[], options: ExecOptions): Promise<void> {
  const { code, stderr } = await finish(spawnProcess(argv, {}), options)
  if (code !== 0) throw new Error(`${argv.join(' ')}: exit code ${code}\n${options.input ?? ''}${stderr}`)
}

async function finish(running: NodeProcess, options: ExecOptions): Promise<Output> {
  // A program that ends without reading its input is no failure of the caller.
  running.stdin?.on('error', () => undefined)
  running.stdin?.end(options.input ?? '')
  const limit = setTimeout(() => running.signal('SIGKILL'), options.timeoutMs ?? execMs)
  const ending = await running.ended
  clearTimeout(limit)
  if (ending.signal === 'SIGKILL')
    throw new Error(`${running.name} did not end within ${options.timeoutMs ?? execMs} ms\n${running.stderr()}`)
  return { ...ending, stdout: running.stdout(), stderr: running.stderr() }
}

function unknownNode(name: string, known: readonly string[]): never {
  throw new Error(`the world has no node "${name}": it has ${known.join(', ')}`)
}
