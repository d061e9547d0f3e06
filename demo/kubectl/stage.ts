// Sets the stage of `make demo-kubectl`: the same world, a server whose node runs Pods, a gateway node that has joined it, and a person's shell beside it.
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeProcess } from '../../tests/support/node-process.ts'
import { bundled } from '../../tests/support/outside-servers.ts'
import { createWorld, type World, type WorldNode } from '../../tests/support/world.ts'
import { type Outside, startOutside } from '../outside.ts'
import { addresses, topology } from '../plan.ts'
import { openRecords, type Records } from '../records.ts'
import { openTerminal, type Terminal } from '../terminal.ts'

export interface KubectlStage {
  readonly outside: Outside
  readonly gateway: Records
  /** A shell on the server's machine, outside of every seal, in which the texts' commands are typed. */
  shell(): Terminal
}

const readyMs = 60_000
const serverPort = 6443

export async function setKubectlStage(folder: string, onWorld: (world: World) => void): Promise<KubectlStage> {
  const world = await createWorld(topology())
  onWorld(world)
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  cpSync(declarations, home, { recursive: true })
  const outside = await startOutside(world.node('outside'), join(folder, 'outside'))
  const env = environment(folder, home)
  await startServer(world.node('application'), folder, env)
  await startGateway(world.node('gateway'), folder, env)
  const shell = await openShell(world.node('application'), home, env)
  return { outside, gateway: openRecords('gateway', join(folder, 'gateway.jsonl')), shell: () => shell }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Whoever types finds `sallyport` on PATH, and both programs find the server by KUBECONFIG. */
function environment(folder: string, home: string): Environment {
  const programs = join(folder, 'bin')
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(programs, 'sallyport'), `#!/bin/sh\nexec '${process.execPath}' '${bundled('bin.js')}' "$@"\n`)
  chmodSync(join(programs, 'sallyport'), 0o755)
  return {
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    XDG_STATE_HOME: join(folder, 'state'),
    KUBECONFIG: kubeconfigIn(folder),
    TMPDIR: folder,
    NO_COLOR: '1',
    ENV: undefined,
  }
}

function kubeconfigIn(folder: string): string {
  return join(folder, 'kubeconfig')
}

async function startServer(node: WorldNode, folder: string, env: Environment): Promise<void> {
  const listen = ['--listen', `${addresses.application}:${serverPort}`, '--kubeconfig-out', kubeconfigIn(folder)]
  const words = ['serve', '--data', join(folder, 'data'), ...listen, '--node', 'application']
  const server = node.spawn(process.execPath, [bundled('bin.js'), ...words], { detached: true, env })
  await server.says('API at', readyMs)
}

/** Its Pod is ready when the server says so. */
async function startGateway(node: WorldNode, folder: string, env: Environment): Promise<void> {
  const place = ['-n', 'istio-system', '--name', 'istio-egressgateway', '-l', 'istio=egressgateway', '-l', 'app=istio-egressgateway']
  const joined = [
    '--join',
    `https://${addresses.application}:${serverPort}`,
    '--node-name',
    'gateway',
    '--from',
    `${addresses.application}/32`,
  ]
  const words = [
    'gateway',
    ...place,
    ...joined,
    '--resolver',
    addresses.nameServer,
    '--flows',
    join(folder, 'gateway.jsonl'),
    '--drain',
    '1',
  ]
  const gateway = node.spawn(process.execPath, [bundled('bin.js'), ...words], { detached: true, env })
  const ask = ['get', 'pod', 'istio-egressgateway', '-n', 'istio-system', '-o', 'jsonpath={.status.phase}']
  await until(gateway, async () => (await node.exec('kubectl', ask, { env })).stdout === 'Running')
}

async function until(running: NodeProcess, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyMs
  while (!(await isDone())) {
    if (running.hasEnded || performance.now() > deadline)
      throw new Error(`${running.name} does not come to serve\n${running.stdout()}${running.stderr()}`)
    await sleep(100)
  }
}

/** Of bash, for the texts have process substitutions. */
function openShell(node: WorldNode, home: string, env: Environment): Promise<Terminal> {
  const running = node.spawn('script', ['-qfec', 'exec bash --norc --noprofile', '/dev/null'], {
    detached: true,
    cwd: home,
    env: { ...env, SHELL: '/bin/sh', TERM: 'dumb' },
  })
  return openTerminal(running, { command: 60_000, reply: 20_000 })
}

/** In the repository; this very code may be bundled into dist/. */
const declarations = resolve(import.meta.dirname, basename(import.meta.dirname) === 'dist' ? '../demo/declarations' : '../declarations')
