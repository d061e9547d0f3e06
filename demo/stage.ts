// Sets the stage: the world, what is outside, the egress gateway, and the sealed shell that each walk-through is typed into.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundled } from '../tests/support/outside-servers.ts'
import type { NodeProcess } from '../tests/support/node-process.ts'
import { createWorld } from '../tests/support/world.ts'
import type { World, WorldNode } from '../tests/support/world.ts'
import { breakDeclarations, type Breakage } from './breakage.ts'
import { type Declarations, openDeclarations, type Reader } from './declarations.ts'
import { type Outside, startOutside } from './outside.ts'
import { adminAddress, addresses, topology } from './plan.ts'
import { openRecords, type Records } from './records.ts'
import { openTerminal, type Terminal } from './terminal.ts'

export interface Stage {
  readonly declarations: Declarations
  readonly outside: Outside
  readonly sidecar: Records
  readonly gateway: Records
  /** The node that loses its route. */
  readonly application: WorldNode
  readonly gatewayNode: WorldNode
  /** The shell that is open. */
  shell(): Terminal
  /** Ends the shell that is open, and opens a new one. */
  openShell(): Promise<void>
  closeShell(): Promise<void>
  startGateway(): Promise<void>
  stopGateway(): Promise<void>
  /** What starts a sealed shell in the application node, as a line for a shell there. */
  shellCommand(): string
  /** What that command needs to know of this world: whose certificates to trust, and where temporary files vanish with it. */
  environment(): Readonly<Record<string, string>>
  /** The command line of another command of the program. */
  program(...words: readonly string[]): readonly string[]
}

export interface StageOptions {
  /** For everything that is written. */
  readonly folder: string
  readonly breakage: Breakage | undefined
  /** Options that say what carries the traffic. */
  readonly engine: readonly string[]
}

const readyMs = 15_000

export async function setStage(options: StageOptions, onWorld: (world: World) => void): Promise<Stage> {
  const world = await createWorld(topology())
  onWorld(world)
  mkdirSync(options.folder, { recursive: true })
  const outside = await startOutside(world.node('outside'), join(options.folder, 'outside'))
  return new TheStage(options, world, outside)
}

class TheStage implements Stage {
  readonly declarations: Declarations
  readonly outside: Outside
  readonly sidecar: Records
  readonly gateway: Records
  readonly application: WorldNode
  readonly gatewayNode: WorldNode
  readonly #options: StageOptions
  #shell: Terminal | undefined
  #gatewayProcess: NodeProcess | undefined

  constructor(options: StageOptions, world: World, outside: Outside) {
    this.#options = options
    this.outside = outside
    this.application = world.node('application')
    this.gatewayNode = world.node('gateway')
    this.sidecar = openRecords('sidecar', join(options.folder, 'sidecar.jsonl'))
    this.gateway = openRecords('gateway', join(options.folder, 'gateway.jsonl'))
    this.declarations = openDeclarations({
      folder: join(options.folder, 'policy'),
      readers: () => this.#readers(),
      alter: (name, text) => breakDeclarations(options.breakage, name, text),
    })
  }

  shell(): Terminal {
    if (this.#shell === undefined) throw new Error('no shell is open')
    return this.#shell
  }

  async closeShell(): Promise<void> {
    const shell = this.#shell
    this.#shell = undefined
    await shell?.close()
  }

  async openShell(): Promise<void> {
    await this.closeShell()
    const running = this.application.spawn('script', ['-qfec', this.shellCommand(), '/dev/null'], {
      detached: true,
      env: { SHELL: '/bin/sh', ENV: undefined, NO_COLOR: '1', TERM: 'dumb', ...this.environment() },
    })
    this.#shell = await openTerminal(running)
  }

  async startGateway(): Promise<void> {
    const labels = ['-l', 'istio=egressgateway', '-l', 'app=istio-egressgateway']
    const place = ['gateway', '-n', 'istio-system', '--name', 'istio-egressgateway', ...labels, '--from', `${addresses.application}/32`]
    const [command = '', ...args] = this.program(...place, ...this.#common('gateway'), '--drain', '1')
    const gateway = this.gatewayNode.spawn(command, args, { detached: true, env: { NO_COLOR: '1', ...this.environment() } })
    this.#gatewayProcess = gateway
    const deadline = performance.now() + readyMs
    while ((await this.gatewayNode.exec('curl', ['-fsS', '-m', '1', `http://${adminAddress.gateway}/ready`])).code !== 0) {
      if (gateway.hasEnded || performance.now() > deadline)
        throw new Error(`the gateway does not serve\n${gateway.stdout()}${gateway.stderr()}`)
      await sleep(20)
    }
  }

  async stopGateway(): Promise<void> {
    const gateway = this.#gatewayProcess
    this.#gatewayProcess = undefined
    gateway?.signal('SIGTERM')
    await gateway?.ended
  }

  environment(): Readonly<Record<string, string>> {
    return { CURL_CA_BUNDLE: this.outside.authority, TMPDIR: this.#options.folder }
  }

  shellCommand(): string {
    if (this.#options.breakage === 'capture') return 'exec sh'
    const words = this.program('run', '-n', 'default', '--name', 'shell', '-l', 'app=shell', ...this.#common('sidecar'), '--', 'sh')
    return `exec ${words.map(quoted).join(' ')}`
  }

  program(...words: readonly string[]): readonly string[] {
    return [process.execPath, bundled('bin.js'), ...words]
  }

  #common(role: 'sidecar' | 'gateway'): readonly string[] {
    const flows = join(this.#options.folder, `${role}.jsonl`)
    return [
      ...this.#options.engine,
      '-f',
      this.declarations.folder,
      '--resolver',
      addresses.nameServer,
      '--flows',
      flows,
      '--admin',
      adminAddress[role],
    ]
  }

  /** Those that run just now. */
  #readers(): readonly Reader[] {
    const readers: Reader[] = []
    if (this.#shell !== undefined && this.#options.breakage !== 'capture')
      readers.push(reader('the sidecar', this.application, adminAddress.sidecar))
    if (this.#gatewayProcess !== undefined) readers.push(reader('the gateway', this.gatewayNode, adminAddress.gateway))
    return readers
  }
}

function reader(name: string, node: WorldNode, admin: string): Reader {
  return {
    name,
    async lastChange() {
      const { stdout } = await node.exec('curl', ['-fsS', '-m', '2', `http://${admin}/stats/prometheus`])
      return Number(/^sallyport_config_published_timestamp_seconds (\S+)/m.exec(stdout)?.[1] ?? 0)
    },
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
