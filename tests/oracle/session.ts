// Keeps a gateway and the sidecars of one or two workloads running through many scenarios, whose declarations are changed in place.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEnvoy } from '../support/envoy.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import type { ProbeReport } from '../support/probe.ts'
import { openWorkload } from '../support/workload.ts'
import type { Workload } from '../support/workload.ts'
import type { World, WorldNode } from '../support/world.ts'
import type { Engine } from './differences.ts'
import type { RecordedProbe, Scenario, WorkloadName, WorkloadPlan } from './scenario.ts'

export interface Session {
  /** Resolves when the declarations are in force everywhere, with the number of errors in them. */
  apply(text: string, mesh: unknown): Promise<number>
  play(probe: RecordedProbe): Promise<ProbeReport>
  close(): Promise<void>
}

const admin = '127.0.0.1:15021'
const readyMs = 20_000

/** Scenarios with the same workloads can share a session. */
export function sessionKey({ workloads }: Scenario): string {
  return JSON.stringify(workloads)
}

export async function openSession(world: World, workloads: Scenario['workloads'], engine: Engine): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), 'oracle-'))
  const declarations = new Declarations(folder)
  declarations.write('', { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } })
  const start = { world, folder, engine }
  const gateway = startGateway(start)
  const sidecars = new Map<WorkloadName, Workload>()
  const nodes: WorldNode[] = [world.node('gw')]
  for (const name of ['w1', 'w2'] as const) {
    const plan = workloads[name]
    if (plan === undefined) continue
    nodes.push(world.node(name))
    sidecars.set(name, await startWorkload(start, name, plan))
  }
  await until(async () => (await world.node('gw').exec('curl', ['-fsS', '-m', '1', `http://${admin}/ready`])).code === 0, gateway)
  return {
    async apply(text, mesh) {
      const before = await Promise.all(nodes.map(published))
      declarations.write(text, mesh)
      const errors = await Promise.all(nodes.map((node, index) => publishedAfter(node, before[index]?.count ?? 0)))
      return Math.max(...errors)
    },
    play(probe) {
      const workload = sidecars.get(probe.from ?? 'w1')
      if (workload === undefined) throw new Error(`no workload ${probe.from ?? 'w1'} in this session`)
      return workload.play(probe)
    },
    async close() {
      for (const workload of sidecars.values()) await workload.end()
      gateway.signal('SIGTERM')
      await gateway.ended
      // Envoy says so when it is given what it does not take, or what is deprecated.
      const said = [gateway.stderr(), ...Array.from(sidecars.values(), (workload) => workload.stderr())].join('')
      if (/Envoy( refuses|: )/.test(said)) throw new Error(said)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One file, changed by renaming, as careful editors do; never twice the same. */
class Declarations {
  readonly #path: string
  readonly #folder: string
  #turn = 0

  constructor(folder: string) {
    this.#folder = join(folder, 'policy')
    mkdirSync(this.#folder)
    this.#path = join(this.#folder, 'policy.yaml')
  }

  write(text: string, mesh: unknown): void {
    this.#turn++
    const turn = `apiVersion: v1\nkind: Namespace\nmetadata: {name: turn-${this.#turn}}\n`
    const draft = join(this.#folder, '.policy')
    writeFileSync(draft, [text, JSON.stringify(mesh), turn].filter((part) => part !== '').join('\n---\n'))
    renameSync(draft, this.#path)
  }
}

/** As Istio: what Sallyport does more strictly by default is held elsewhere. */
function commonArguments({ folder, engine }: Start): string[] {
  const envoy = engine === 'envoy' ? ['--engine', 'envoy', '--envoy-path', findEnvoy()?.path ?? ''] : []
  return [
    ...envoy,
    '--ca-dir',
    join(folder, 'ca'),
    '--strictness',
    'istio',
    '--resolver',
    addresses.out,
    '--admin',
    admin,
    '-f',
    join(folder, 'policy'),
  ]
}

interface Start {
  readonly world: World
  readonly folder: string
  readonly engine: Engine
}

function startGateway(start: Start): NodeProcess {
  const labels = ['-l', 'istio=egressgateway', '-l', 'app=istio-egressgateway']
  const place = ['gateway', '-n', 'istio-system', ...labels, '--from', '198.18.0.0/24']
  return start.world.node('gw').spawn(process.execPath, [bundled('bin.js'), ...place, ...commonArguments(start)])
}

function startWorkload(start: Start, name: WorkloadName, plan: WorkloadPlan): Promise<Workload> {
  const labels = Object.entries(plan.labels ?? { app: 'client' }).flatMap(([key, value]) => ['-l', `${key}=${value}`])
  const place = ['run', '-n', plan.namespace ?? 'default', '--name', 'client', ...labels, '--flows', '/dev/null']
  const command = ['--', process.execPath, bundled('test-probe.js')]
  return openWorkload(start.world.node(name).spawn(process.execPath, [bundled('bin.js'), ...place, ...commonArguments(start), ...command]))
}

interface Published {
  readonly count: number
  readonly errors: number
}

async function published(node: WorldNode): Promise<Published> {
  const { stdout } = await node.exec('curl', ['-sS', '-m', '5', `http://${admin}/stats/prometheus`])
  const value = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  return {
    count: value(/^sallyport_config_published_total (\d+)/m),
    errors: value(/^sallyport_config_issues\{level="error"\} (\d+)/m),
  }
}

async function publishedAfter(node: WorldNode, before: number): Promise<number> {
  let now = await published(node)
  const deadline = performance.now() + readyMs
  while (now.count <= before) {
    if (performance.now() > deadline) throw new Error(`${node.name} did not take over the declarations within ${readyMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
    now = await published(node)
  }
  return now.errors
}

async function until(isSo: () => Promise<boolean>, running: NodeProcess): Promise<void> {
  const deadline = performance.now() + readyMs
  while (!(await isSo())) {
    if (running.hasEnded || performance.now() > deadline)
      throw new Error(`the gateway does not serve\n${running.stdout()}${running.stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
