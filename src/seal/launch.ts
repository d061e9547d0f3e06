// Starts the chain that ends in the init, and gathers outside what the init could no longer find out inside.
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { fstatSync, lstatSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { SallyportError, withTimeout } from '../base/index.ts'
import type { RootOptions, SealOptions } from './contract.ts'
import { findHostSockets } from './host-sockets.ts'
import { socketKind } from './libc.ts'
import type { Setup } from './messages.ts'
import { isWithin } from './mount-info.ts'
import { hasCapability, sysAdmin } from './own-capabilities.ts'
import { checkRootDirectory } from './root-directory.ts'
import { launchCommand } from './stages.ts'
import { Terminal } from './terminal.ts'
import { findTools } from './tools.ts'
import { chooseEnvironment } from './workload-env.ts'
import { chooseUser, isFirstUserNamespace, lookUpUser, userEnvironment, type WorkloadUser } from './workload-user.ts'

export interface Launch {
  readonly child: ChildProcess
  readonly setup: Setup
  readonly probePort: number
  readonly notes: readonly string[]
  /** Terminal descriptor of the caller, if there is one. */
  readonly terminal?: number
  /** Until what the command wrote has left this process too. */
  readonly flush: () => Promise<void>
}

export function launch(options: SealOptions): Launch {
  const tools = findTools(process.env['PATH'])
  const uid = process.getuid?.() ?? 0
  const withUserNamespace = uid !== 0 || !hasCapability(sysAdmin)
  const without = options.withoutLayer === undefined ? {} : { withoutLayer: options.withoutLayer }
  const choice = chooseUser({
    uid,
    env: options.env,
    ...(options.user === undefined ? {} : { requested: options.user }),
    // With a root directory of its own it does not see those of the machine.
    isRealRoot: options.root === undefined && isFirstUserNamespace(readFileSync('/proc/self/uid_map', 'utf8')),
    lookUp: lookUpUser,
  })
  const user = withUserNamespace ? undefined : choice.user
  if (choice.user && withUserNamespace)
    throw new SallyportError('SLP0008', `--user ${choice.user.name}: this root may not become somebody else here`, {
      fix: 'leave --user out, or give the container the capability SYS_ADMIN',
    })
  const command = launchCommand({
    tools,
    node: process.execPath,
    entry: options.entry,
    withUserNamespace,
    withoutNamespaces: options.withoutLayer === 'namespaces',
  })
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: [...standardStreams(options.onOutput !== undefined), 'ipc'], env: initEnvironment, cwd: '/' })
  const flush = relayStreams(child)
  for (const stream of ['stdout', 'stderr'] as const) child[stream]?.on('data', (chunk: Buffer) => options.onOutput?.(stream, chunk))
  const terminal = [0, 1, 2].find((fd) => isatty(fd))
  const { env, dropped } = chooseEnvironment(user ? userEnvironment(options.env, user) : options.env, options.expose)
  const hostSockets = findHostSockets()
  const probePort = 1024 + Math.floor(Math.random() * 60_000)
  const setup: Setup = {
    kind: 'setup',
    nonce: options.probe.nonce,
    probePort,
    tools,
    outside: Object.fromEntries(['net', 'mnt', 'pid', 'ipc'].map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)])),
    hostSockets: hostSockets.paths,
    expose: options.expose.map(realPath),
    readOnly: (options.readOnly ?? []).map(realPath),
    hidden: (options.hidden ?? []).map(realPath),
    // With a root of its own it has a /tmp of its own there.
    privateTmp: options.privateTmp === true && options.root === undefined,
    ...(options.root ? { root: rootOf(options.root, options) } : {}),
    resolvConf: resolvConf(options.search),
    ...runtimeDirectory(env['XDG_RUNTIME_DIR'], user, uid),
    ...(terminal === undefined ? {} : terminalOf(terminal)),
    command: options.command,
    env,
    cwd: options.cwd,
    ...(user ? { user: { name: user.name, uid: user.uid, gid: user.gid } } : {}),
    isRoot: !withUserNamespace,
    ...without,
  }
  const notes = [
    ...(choice.note === undefined ? [] : [choice.note]),
    ...(uid === 0 && withUserNamespace ? [fallbackNote] : []),
    ...listNote('not passed on, as they name something outside', dropped, ' (--expose PATH keeps a socket and its variable)'),
    ...listNote('sockets outside with a relative name, whose place is unknown, may be reachable', hostSockets.unplaced, ''),
  ]
  return { child, setup, probePort, notes, flush, ...(terminal === undefined ? {} : { terminal }) }
}

const fallbackNote = 'root without the capability SYS_ADMIN: sealed by a user namespace, where chown and su to other users do not work'

function listNote(what: string, names: readonly string[], hint: string): string[] {
  const more = names.length > 8 ? ` and ${names.length - 8} more` : ''
  return names.length === 0 ? [] : [`${what}: ${names.slice(0, 8).join(', ')}${more}${hint}`]
}

/** None of the caller's: NODE_OPTIONS could load code into the init, LD_PRELOAD into the programs before it. */
const initEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

function standardStreams(isToldOf: boolean): ('inherit' | 'pipe')[] {
  return [0, 1, 2].map((fd) => (mayInherit(fd) && !(isToldOf && fd > 0 && !isatty(fd)) ? 'inherit' : 'pipe')) satisfies StdioOptions
}

/**
 * A socket belongs to the network namespace that it was made in, for ever: an IP or datagram socket as standard output could be disconnected and connected
 * anew, to anywhere outside. Such a stream is passed through the sidecar by a pipe. Connected stream sockets of AF_UNIX cannot do that.
 */
function mayInherit(fd: number): boolean {
  const [unix, stream] = [1, 1]
  if (!fstatSync(fd).isSocket()) return true
  const kind = socketKind(fd)
  return kind.family === unix && kind.type === stream && !kind.listens
}

function relayStreams(child: ChildProcess): () => Promise<void> {
  if (child.stdin) process.stdin.pipe(child.stdin).on('error', () => process.stdin.unpipe())
  child.stdout?.pipe(process.stdout)
  child.stderr?.pipe(process.stderr)
  const relayed = [...(child.stdout ? [process.stdout] : []), ...(child.stderr ? [process.stderr] : [])]
  return async () => {
    const all = Promise.all(relayed.map((stream) => new Promise<void>((done) => stream.write('', () => done()))))
    // Whoever does not read any more is not waited for.
    await withTimeout(all, 5000, 'what the command wrote was not taken').catch(() => undefined)
  }
}

function resolvConf(search: readonly string[]): string {
  const lines = ['# Sallyport: every question goes to the sidecar, whatever server it is sent to.', 'nameserver 127.0.0.1']
  return `${[...lines, ...(search.length === 0 ? [] : [`search ${search.join(' ')}`])].join('\n')}\n`
}

function runtimeDirectory(path: string | undefined, user: WorkloadUser | undefined, uid: number): Pick<Setup, 'runtimeDirectory'> {
  if (path === undefined || !path.startsWith('/run/')) return {}
  return { runtimeDirectory: { path, owner: user ?? { uid, gid: process.getgid?.() ?? 0 } } }
}

/** Lent at once to a command that has it as input and output; in a pipeline somebody else may need it (`| less`), so there the command has to ask. */
function terminalOf(fd: number): Pick<Setup, 'terminal'> {
  const path = readlinkSync(`/proc/self/fd/${fd}`)
  if (!lstatSync(path, { throwIfNoEntry: false })?.isCharacterDevice()) return {}
  return { terminal: { path, fd, lent: isatty(0) && isatty(1) && new Terminal(fd).isOurs() } }
}

/** Judged again here, since this is where it is used. */
function rootOf(root: RootOptions, { expose, hidden = [], readOnly = [], entry }: SealOptions): RootOptions {
  const uid = process.getuid?.() ?? 0
  const kept = [...hidden, ...(root.isWritable ? readOnly : []), process.execPath, dirname(entry)]
  const checked = checkRootDirectory(root.path, { uid, kept })
  const refuse = (why: string): never => {
    throw new SallyportError('SLP0008', `the root directory ${root.path}: ${why}`, {
      fix: 'name a directory with its own /bin, as root has made it',
    })
  }
  if (!checked.ok) return refuse(checked.error)
  const outside = expose.map(realPath).find((path) => !['/run', '/tmp', '/dev'].some((tree) => isWithin(path, tree)))
  if (outside !== undefined) return refuse(`${outside} cannot be exposed in it: what is below /run, /tmp and /dev can`)
  if ([0, 1, 2].some((fd) => fstatSync(fd).isDirectory())) return refuse('a directory outside of it is given as a stream')
  return { ...root, path: checked.value }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new SallyportError('SLP0004', `${path}: no such file or directory`, { cause, fix: 'name a path that exists' })
  }
}
