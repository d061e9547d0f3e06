// Sets up what single attempts need of the machine: somebody to attack, a second terminal, descriptors that were left open, a neighbour in the process group.
import { closeSync, existsSync, openSync } from 'node:fs'
import { inheritedDescriptors } from '../attempts/others.ts'
import { bytesOf, parseIp } from '../../../src/base/index.ts'
import type { Ledger, Trial } from '../judge/ledger.ts'
import { handleOf, Victim } from '../judge/traces.ts'
import { call, cString, families, nameOf, socketAddress } from '../libc.ts'
import { withinNow } from './namespaces.ts'
import { shell } from './shell.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import { machine, secondProc, type World } from './world.ts'

export type PropKind = 'terminal' | 'descriptors' | 'neighbour'

type Facts = Readonly<Record<string, string>>

/** An address outside that belongs to no attempt. */
export const nobodys = '198.18.255.250'
const listeningPort = 7070

export class Props {
  readonly terminal: Terminal | undefined
  readonly stdio: readonly (number | 'pipe' | 'ignore')[]
  /** Goes before the command line of a run. */
  readonly launcher: readonly string[]
  readonly #world: World
  readonly #facts: ReadonlyMap<number, Facts>
  readonly #victims: Victim[] = []
  readonly #terminals: Terminal[] = []
  readonly #descriptors: number[] = []

  constructor(world: World, trials: readonly Trial[], kind?: PropKind) {
    this.#world = world
    this.terminal = kind === 'terminal' ? this.#openTerminal() : undefined
    this.launcher = kind === undefined ? [] : launchers[kind]
    const slave = this.terminal?.slave
    this.stdio =
      slave !== undefined
        ? [slave, slave, slave]
        : kind === 'descriptors'
          ? ['pipe', 'pipe', ...this.#leaveOpen()]
          : ['pipe', 'pipe', 'pipe']
    this.#facts = new Map(trials.map((trial) => [trial.places.index, this.#factsFor(trial, JSON.stringify(trial.attempt.attack))]))
  }

  factsOf(trial: Trial): Facts {
    return this.#facts.get(trial.places.index) ?? {}
  }

  /** Writes down what has become of them. */
  look(ledger: Ledger): void {
    for (const victim of this.#victims) victim.look(ledger)
    for (const terminal of this.#terminals) {
      const shown = terminal === this.terminal ? '' : terminal.shown()
      if (shown !== '') ledger.add({ what: 'words on another terminal', text: shown })
      const typed = terminal.typed()
      if (typed !== '') ledger.add({ what: 'words typed for the shell outside', text: typed })
    }
  }

  end(): void {
    for (const victim of this.#victims) victim.end()
    for (const terminal of this.#terminals) terminal.close()
    for (const fd of this.#descriptors) closeSync(fd)
  }

  #factsFor({ places }: Trial, attack: string): Facts {
    if (attack.includes('/tmp/become-root')) placeSetUserIdProgram()
    if (attack.includes('{otherTerminal}')) return { otherTerminal: this.#openTerminal().path }
    if (attack.includes('{handle}')) return handleOf('/tmp/hidden/daemon.sock')
    if (attack.includes('{bait}')) return { bait: String(this.#victim('', this.#keep(connectOut(1))).pid) }
    if (!attack.includes('{victim')) return {}
    const victim = this.#victim(places.token)
    return { victim: String(victim.pid), victimMemory: victim.memory() }
  }

  #openTerminal(): Terminal {
    const terminal = openTerminal()
    this.#terminals.push(terminal)
    return terminal
  }

  #victim(token: string, descriptor?: number): Victim {
    const victim = new Victim(token, descriptor)
    this.#victims.push(victim)
    return victim
  }

  #keep(fd: number): number {
    this.#descriptors.push(fd)
    return fd
  }

  /** From standard error on. */
  #leaveOpen(): readonly (number | 'ignore')[] {
    const [stream, datagram] = [1, 2]
    const opened: Readonly<Record<number, number>> = {
      [inheritedDescriptors.connected]: connectOut(stream),
      [inheritedDescriptors.datagram]: connectOut(datagram),
      [inheritedDescriptors.listening]: this.#listen(),
      [inheritedDescriptors.unix]: connectPath('/run/docker.sock'),
      [inheritedDescriptors.directory]: openSync('/run', 'r'),
      [inheritedDescriptors.procs]: openSync(existsSync(`${secondProc}/1`) ? secondProc : '/proc', 'r'),
      [inheritedDescriptors.namespace]: openSync('/proc/self/ns/net', 'r'),
    }
    for (const fd of Object.values(opened)) this.#keep(fd)
    this.#keep(placeAt(inheritedDescriptors.far, connectOut(stream)))
    return [this.#keep(connectOut(datagram)), ...Array.from({ length: 7 }, (_, index) => opened[index + 3] ?? ('ignore' as const))]
  }

  /** With a connection from outside that waits to be accepted. */
  #listen(): number {
    const nonBlockingStream = 0x801
    const fd = socketOf(families.inet, nonBlockingStream)
    const address = socketAddress(bytes(machine.v4), listeningPort)
    check('bind', call('bind', fd, address, address.length))
    check('listen', call('listen', fd, 8))
    const caller = withinNow(this.#world.outside, () => socketOf(families.inet, 1))
    check('connect', call('connect', caller, address, address.length))
    this.#keep(caller)
    return fd
  }
}

/** A neighbour tells when it hears a signal that means nothing to others. The terminal's session outlives the command, as a shell does. */
const launchers: Readonly<Record<PropKind, readonly string[]>> = {
  terminal: ['setsid', '--ctty', 'sh', '-c', '"$@"; echo "{\\"over\\":true}"; exec sleep 30', 'sh'],
  descriptors: [],
  neighbour: [
    'sh',
    '-c',
    'sh -c \'trap "echo x > /tmp/escape/neighbour" URG; sleep 300 & while :; do wait; done\' >/dev/null 2>&1 & exec "$@"',
    'sh',
  ],
}

function connectOut(type: number): number {
  const fd = socketOf(families.inet, type)
  const address = socketAddress(bytes(nobodys), 80)
  check('connect', call('connect', fd, address, address.length))
  return fd
}

function connectPath(path: string): number {
  const fd = socketOf(families.unix, 1)
  const address = Buffer.concat([Buffer.from([families.unix, 0]), cString(path)])
  check('connect', call('connect', fd, address, address.length))
  return fd
}

/** Under a number of its own, and left open for every program that is started from now on. */
function placeAt(number: number, fd: number): number {
  const duplicate = 0
  const placed = call('fcntl', fd, duplicate, number)
  call('close', fd)
  if (placed !== number) throw new Error(`descriptor ${number} is taken`)
  return placed
}

/** A copy of `tee` that anybody may run as root, in a directory of root alone. */
function placeSetUserIdProgram(): void {
  if (process.getuid?.() !== 0) return
  shell(['cp "$(command -v tee)" /tmp/become-root', 'chmod 4755 /tmp/become-root', 'mkdir -p -m 700 /tmp/root-only'])
}

function socketOf(family: number, type: number): number {
  return check('socket', call('socket', family, type, 0))
}

function bytes(address: string): Uint8Array {
  const ip = parseIp(address)
  if (ip === undefined) throw new Error(`${address} is no address`)
  return bytesOf(ip)
}

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: ${nameOf(result)}`)
  return result
}
