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
/** As Istio's installation has it. */
const gatewayAccount = 'istio-egressgateway-service-account'

export async function setKubectlStage(folder: string, onWorld: (world: World) => void): Promise<KubectlStage> {
  const world = await createWorld(topology())
  onWorld(world)
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  cpSync(declarations, home, { recursive: true })
  const outside = await startOutside(world.node('outside'), join(folder, 'outside'))
  const env = environment(folder, home)
  await startServer(world.node('application'), folder, env)
  await startGateway(world, folder, env)
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

/**
 * What a person carries to the machine of the gateway: a token that is good once, for the service account of the gateway, and the certificate of the server's
 * authority. Its Pod is ready when the server says so.
 */
async function startGateway(world: World, folder: string, env: Environment): Promise<void> {
  const machine = join(folder, 'gateway')
  mkdirSync(machine)
  const server = world.node('application')
  const { stdout: token, stderr } = await server.exec('sallyport', ['token', 'create', '-n', 'istio-system', '--sa', gatewayAccount], {
    env,
  })
  if (token === '') throw new Error(`no token for the gateway: ${stderr}`)
  writeFileSync(join(machine, 'token'), token, { mode: 0o600 })
  cpSync(join(folder, 'data/pki/ca.crt'), join(machine, 'ca.crt'))
  const place = ['-n', 'istio-system', '--name', 'istio-egressgateway', '-l', 'istio=egressgateway', '-l', 'app=istio-egressgateway']
  const joined = [
    '--join',
    `https://${addresses.application}:${serverPort}`,
    '--token-file',
    join(machine, 'token'),
    '--ca-file',
    join(machine, 'ca.crt'),
    '--sa',
    gatewayAccount,
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
  // Of its own: nothing of the administrator's is on that machine.
  const own = { ...env, HOME: machine, XDG_STATE_HOME: join(machine, 'state'), KUBECONFIG: undefined }
  const gateway = world.node('gateway').spawn(process.execPath, [bundled('bin.js'), ...words], { detached: true, env: own })
  const ask = ['get', 'pod', 'istio-egressgateway', '-n', 'istio-system', '-o', 'jsonpath={.status.phase}']
  await until(gateway, async () => (await server.exec('kubectl', ask, { env })).stdout === 'Running')
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
