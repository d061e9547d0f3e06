// Plays both walk-throughs, and ways in which they go wrong, through the real programs and holds them to what real Istio was seen to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeProcess } from '../support/node-process.ts'
import { addresses, standardTopology } from '../support/outside-plan.ts'
import { bundled, startOutside } from '../support/outside-servers.ts'
import type { Outside } from '../support/outside-servers.ts'
import type { Seen } from '../support/seen.ts'
import { openWorkload } from '../support/workload.ts'
import type { Workload } from '../support/workload.ts'
import { createWorld } from '../support/world.ts'
import type { World } from '../support/world.ts'
import { judge, readScenarios } from './scenario.ts'
import type { Judgement, Scenario } from './scenario.ts'

const admin = '127.0.0.1:15021'
const readyMs = 20_000
// Time for a connection that must not be made to be made all the same.
const settleMs = 100

let world: World
let outside: Outside
const folder = mkdtempSync(join(tmpdir(), 'oracle-'))

beforeAll(async () => {
  world = await createWorld(standardTopology())
  outside = await startOutside(world.node('out'))
})

afterAll(async () => {
  await outside.close()
  await world.close()
  rmSync(folder, { recursive: true })
})

/** As Istio: what Sallyport does more strictly by default is held elsewhere. */
function commonArguments(scenario: Scenario): string[] {
  const meshFile = join(folder, `${scenario.name}.mesh.yaml`)
  writeFileSync(meshFile, JSON.stringify(scenario.mesh))
  const files = [...scenario.inputs, meshFile].flatMap((path) => ['-f', path])
  return ['--strictness', 'istio', '--resolver', addresses.out, ...files]
}

async function startGateway(scenario: Scenario): Promise<NodeProcess> {
  const labels = ['-l', 'istio=egressgateway', '-l', 'app=istio-egressgateway']
  const place = ['gateway', '-n', 'istio-system', ...labels, '--from', '198.18.0.0/24', '--admin', admin]
  const gateway = world.node('gw').spawn(process.execPath, [bundled('bin.js'), ...place, ...commonArguments(scenario)])
  const deadline = performance.now() + readyMs
  const ask = ['-fsS', '-m', '1', `http://${admin}/ready`]
  while ((await world.node('gw').exec('curl', ask)).code !== 0) {
    if (gateway.hasEnded || performance.now() > deadline)
      throw new Error(`the gateway does not serve\n${gateway.stdout()}${gateway.stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return gateway
}

function startWorkload(scenario: Scenario): Promise<Workload> {
  const place = ['run', '-n', 'default', '--name', 'client', '-l', 'app=client', '--flows', '/dev/null']
  const command = ['--', process.execPath, bundled('test-probe.js')]
  return openWorkload(world.node('w1').spawn(process.execPath, [bundled('bin.js'), ...place, ...commonArguments(scenario), ...command]))
}

for (const scenario of readScenarios()) {
  describe(`${scenario.name}: ${scenario.title}`, () => {
    let gateway: NodeProcess | undefined
    let workload: Workload | undefined

    beforeAll(async () => {
      await Promise.all([
        startGateway(scenario).then((started) => (gateway = started)),
        startWorkload(scenario).then((started) => (workload = started)),
      ])
    })

    afterAll(async () => {
      await workload?.end()
      gateway?.signal('SIGTERM')
      await gateway?.ended
    })

    for (const probe of scenario.probes) {
      test(probe.id, async () => {
        if (workload === undefined) return expect.fail('the workload did not start')
        const golden = scenario.golden[probe.id] ?? expect.fail('nothing was recorded for this probe')
        outside.seen()
        const report = await workload.play(probe)
        await new Promise((resolve) => setTimeout(resolve, settleMs))
        const seen: Seen[] = []
        const judged = (): Judgement => {
          seen.push(...outside.seen())
          return judge(report, seen)
        }
        // A TCP server notes a connection when it ends.
        await expect.poll(judged, { timeout: 1000 }).toEqual(golden)
      })
    }
  })
}
