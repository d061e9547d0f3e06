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
import type { World } from '../support/world.ts'
import type { Engine } from './differences.ts'
import { watchPublished } from './published.ts'
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
  const watches = [watchPublished(world.node('gw'), admin)]
  for (const name of ['w1', 'w2'] as const) {
    const plan = workloads[name]
    if (plan === undefined) continue
    watches.push(watchPublished(world.node(name), admin))
    sidecars.set(name, await startWorkload(start, name, plan))
  }
  await until(async () => (await world.node('gw').exec('curl', ['-fsS', '-m', '1', `http://${admin}/ready`])).code === 0, gateway)
  return {
    async apply(text, mesh) {
      const before = await Promise.all(watches.map((watch) => watch.now()))
      declarations.write(text, mesh)
      const published = await Promise.all(watches.map((watch, index) => watch.after(before[index]?.count ?? 0)))
      return Math.max(...published.map(({ errors }) => errors))
    },
    play(probe) {
      const workload = sidecars.get(probe.from ?? 'w1')
      if (workload === undefined) throw new Error(`no workload ${probe.from ?? 'w1'} in this session`)
      return workload.play(probe)
    },
    async close() {
      for (const watch of watches) await watch.close()
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

async function until(isSo: () => Promise<boolean>, running: NodeProcess): Promise<void> {
  const deadline = performance.now() + readyMs
  while (!(await isSo())) {
    if (running.hasEnded || performance.now() > deadline)
      throw new Error(`the gateway does not serve\n${running.stdout()}${running.stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
