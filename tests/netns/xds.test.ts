// Proves on a real sidecar that a server which knows nothing of Sallyport can say what leaves, that the last thing a server said counts without it, and that ours can be killed.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FlowRecord } from '../../src/flow/index.ts'
import { documents, serviceEntry } from '../support/declare.ts'
import { engineOptions } from '../support/envoy.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { standardTopology } from '../support/outside-plan.ts'
import { bundled, type Outside, startOutside } from '../support/outside-servers.ts'
import { openFolder, runSidecar, startSidecar } from '../support/sidecar.ts'
import { createWorld, type World, type WorldNode } from '../support/world.ts'
import { httpManager, listener, routeTable, tcpProxy } from '../support/xds-resources.ts'
import { types, XdsServer } from '../support/xds-server.ts'

const folder = openFolder()
const server = new XdsServer({ path: join(folder, 'ads.sock') })
const state = join(folder, 'state')
let world: World
let outside: Outside
let w1: WorldNode

beforeAll(async () => {
  world = await createWorld(standardTopology())
  outside = await startOutside(world.node('out'))
  w1 = world.node('w1')
  await server.start()
})

afterAll(async () => {
  server.close()
  await outside.close()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

/** As Istio writes it for a sidecar under REGISTRY_ONLY, and without a word that only Sallyport would understand. */
function declare(): void {
  const unbound = { bind_to_port: false, continue_on_listener_filters_timeout: true, listener_filters_timeout: '0s' }
  const any = (port: number) => ({ socket_address: { address: '0.0.0.0', port_value: port } })
  const inspector = {
    name: 'envoy.filters.listener.http_inspector',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector' },
  }
  server
    .set(types.cluster, 'BlackHoleCluster', { name: 'BlackHoleCluster', type: 'STATIC' })
    .set(types.cluster, 'outbound|80||d2iq.com', {
      name: 'outbound|80||d2iq.com',
      type: 'STRICT_DNS',
      load_assignment: {
        cluster_name: 'outbound|80||d2iq.com',
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'd2iq.com', port_value: 80 } } } }] }],
      },
    })
    .set(types.listener, 'virtualOutbound', {
      ...listener('virtualOutbound', 0, [tcpProxy('BlackHoleCluster', 'BlackHoleCluster')]),
      address: any(15_001),
      use_original_dst: true,
    })
    .set(types.listener, '0.0.0.0_80', {
      name: '0.0.0.0_80',
      ...unbound,
      address: any(80),
      listener_filters: [inspector],
      filter_chains: [
        {
          filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1'] },
          filters: [httpManager('80', '80')],
        },
      ],
      default_filter_chain: { filters: [tcpProxy('BlackHoleCluster', 'BlackHoleCluster')] },
    })
    .set(types.route, '80', { ...routeTable('80', { 'd2iq.com': 'outbound|80||d2iq.com' }), ignore_port_in_host_matching: true })
}

const get = (host: string): string => `curl -s -m 10 -o /dev/null -w '%{http_code} ' http://${host}/`
const hosts = (records: readonly Pick<FlowRecord, 'host' | 'verdict' | 'by'>[]) =>
  records.map(({ host, verdict, by }) => `${host ?? '-'} ${verdict}${by === undefined ? '' : ' by'}`)

test('what a server that is not ours allows leaves, by ordinary names, and follows its changes', async () => {
  declare()
  const script = `${get('d2iq.com')}; ${get('other.example.test')}; echo first; read line; ${get('other.example.test')}; touch ${state}/x; true`
  const sidecar = startSidecar(w1, { xds: server.address, options: ['--state-dir', state], command: ['sh', '-c', script] })
  await sidecar.running.says('first')
  const to = { name: 'outbound|80||other', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }
  server.set(types.cluster, to.name, to)
  server.set(types.route, '80', {
    ...routeTable('80', { 'd2iq.com': 'outbound|80||d2iq.com', 'other.example.test': to.name }),
    ignore_port_in_host_matching: true,
  })
  const before = server.acks(types.route)
  server.push()
  await expect.poll(() => server.acks(types.route)).toBe(before + 1)
  sidecar.running.stdin?.write('\n')
  const { stdout, stderr, records } = await sidecar.finish()
  expect({ stdout, stderr }).toEqual({ stdout: '200 403 first\n200 ', stderr: expect.stringContaining('Read-only file system') })
  expect(hosts(records)).toEqual(['d2iq.com allow', 'other.example.test deny', 'other.example.test allow'])
  expect(existsSync(join(state, 'x'))).toBe(false)
  expect(server.heard[0]?.node).toBe('sidecar~127.0.0.1~sh.default~default.svc.cluster.local')
  expect(server.nacks()).toEqual([])
})

test('without the server the last configuration counts, and nothing else', async () => {
  server.kill()
  const run = { xds: server.address, command: ['sh', '-c', `${get('d2iq.com')}; ${get('evil.test')}`] }
  const { stdout, stderr, records } = await runSidecar(w1, { ...run, options: ['--state-dir', state] })
  expect(stdout).toBe('200 000 ')
  expect(stderr).toMatch(/says nothing yet: this begins with the configuration that was kept at /)
  expect(hosts(records)).toEqual(['d2iq.com allow'])
})

test.each(Object.entries(engineOptions()))(
  'serve is killed while it is read and while it pushes: no request of %s fails, and what changed meanwhile counts when it is back',
  async (_name, engine) => {
    const policy = join(folder, 'policy.yaml')
    const address = join(folder, 'serve.sock')
    const entry = (host: string): string => serviceEntry({ host, port: 80, protocol: 'HTTP' })
    const many = (count: number): string => documents(...Array.from({ length: count }, (_, i) => entry(`h${i}.example.test`)))
    const serve = () =>
      w1.spawn(process.execPath, [bundled('bin.js'), 'serve', '-f', policy, '--outbound', 'REGISTRY_ONLY', '--xds', address])
    const kill = async (running: NodeProcess): Promise<void> => {
      running.signal('SIGKILL')
      await running.ended
    }
    writeFileSync(policy, documents(entry('d2iq.com'), many(100)))
    let serving = serve()
    await serving.says('configuration at')
    // Until what was declared last is allowed, at most for three quarters of a minute.
    const ask = `a=$(${get('d2iq.com')}) b=$(${get('other.example.test')}); echo $a $b; [ $b = 200 ]`
    const script = `end=$(($(date +%s) + 45)); until { ${ask}; } || [ $(date +%s) -gt $end ]; do :; done`
    const sidecar = startSidecar(w1, {
      xds: address,
      options: [...engine, '--state-dir', mkdtempSync(join(folder, 'state-'))],
      command: ['sh', '-c', script],
    })
    await sidecar.running.says('200 403')
    await kill(serving)
    serving = serve()
    await serving.says('configuration at')
    writeFileSync(policy, documents(entry('d2iq.com'), many(200)))
    // Somewhere between reading the file and the last answer.
    await new Promise((resolve) => setTimeout(resolve, 60))
    await kill(serving)
    writeFileSync(policy, documents(entry('d2iq.com'), many(200), entry('other.example.test')))
    serving = serve()
    const { code, stdout, stderr } = await sidecar.finish()
    await kill(serving)
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/refuse|SLP/) })
    const answers = stdout.trim().split('\n')
    expect(new Set(answers.map((line) => line.split(' ')[0]))).toEqual(new Set(['200']))
    // Envoy knows a new cluster before it knows the addresses of its name.
    expect(answers.filter((line) => !['200 403', '200 200', ...(engine.length > 0 ? ['200 503'] : [])].includes(line))).toEqual([])
    expect(answers.at(-1)).toBe('200 200')
  },
)
