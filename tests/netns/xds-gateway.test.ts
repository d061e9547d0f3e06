// Holds a gateway of stock Envoy whose server is killed, idle, under load and while it pushes: no request fails, nothing comes twice, and what changed meanwhile counts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { envoyNamed, whatWasSent } from '../support/envoy-admin.ts'
import { mutualGateway } from '../support/mutual-gateway.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import { openFolder, startSidecar } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()
const name = 'killed-gateway'
const get = (host: string): string => `curl -s -m 10 -o /dev/null -w '%{http_code}' http://${host}/`
const entry = (host: string): string => serviceEntry({ host, port: 80, protocol: 'HTTP' })
const many = (count: number): string => documents(...Array.from({ length: count }, (_, i) => entry(`h${i}.example.test`)))

describe.skipIf(findEnvoy() === undefined && process.env['CI'] !== 'true')(`a gateway with stock Envoy (${noEnvoy})`, () => {
  test('serve is killed under load and while it pushes: no request fails, nothing unchanged is sent again, and changes arrive', async () => {
    const folder = openFolder()
    const policy = join(folder, 'policy.yaml')
    const xds = join(folder, 'xds.sock')
    const start = (options: readonly string[]): NodeProcess => stand.node('gw').spawn(process.execPath, [bundled('bin.js'), ...options])
    const serve = async (): Promise<NodeProcess> => {
      const authority = ['--ca-dir', join(folder, 'ca')]
      const running = start(['serve', '-f', policy, '--outbound', 'REGISTRY_ONLY', '--xds', xds, ...authority])
      await running.says('configuration at')
      return running
    }
    const kill = async (running: NodeProcess): Promise<void> => {
      running.signal('SIGKILL')
      await running.ended
    }
    const state = (): readonly string[] => ['--state-dir', mkdtempSync(join(folder, 'state-'))]
    writeFileSync(policy, documents(mutualGateway, many(100)))
    let serving = await serve()
    const engine = ['--engine', 'envoy', '--envoy-path', findEnvoy()?.path ?? '']
    const site = [
      '--name',
      name,
      '--sa',
      'istio-egressgateway',
      '-l',
      'istio=egressgateway',
      '--from',
      '198.18.0.0/24',
      '--resolver',
      addresses.out,
      '--drain',
      '1',
    ]
    const gateway = start(['gateway', ...site, ...engine, '--xds', xds, ...state()])
    await gateway.says('serves')
    // Until what was declared last is allowed, at most for three quarters of a minute.
    const ask = `a=$(${get('d2iq.com')}) b=$(${get('other.example.test')}); echo $a $b; [ $b = 200 ]`
    const script = `until [ $(${get('d2iq.com')}) = 200 ]; do sleep 0.2; done; end=$(($(date +%s) + 45)); until { ${ask}; } || [ $(date +%s) -gt $end ]; do :; done`
    const sidecar = startSidecar(stand.w1, { xds, options: [...state()], command: ['sh', '-c', script] })
    await sidecar.running.says('200 403')
    const envoy = envoyNamed(name) ?? ''
    const before = await whatWasSent(envoy)
    await kill(serving)
    serving = await serve()
    await expect.poll(() => gateway.stderr(), { timeout: 20_000 }).toMatch(/is back/)
    expect(await whatWasSent(envoy)).toBe(before)
    writeFileSync(policy, documents(mutualGateway, many(200)))
    // Somewhere between reading the file and the last answer.
    await new Promise((resolve) => setTimeout(resolve, 60))
    await kill(serving)
    writeFileSync(policy, documents(mutualGateway, many(200), entry('other.example.test')))
    serving = await serve()
    const { stdout, stderr, records } = await sidecar.finish()
    await expect.poll(() => whatWasSent(envoy), { timeout: 20_000 }).toContain('outbound|80||other.example.test')
    const after = new Set((await whatWasSent(envoy)).split('\n'))
    await kill(serving)
    gateway.signal('SIGTERM')
    const ended = await gateway.ended
    rmSync(folder, { recursive: true, force: true })
    expect({ ended, said: gateway.stderr() + stderr }).toEqual({ ended: expect.anything(), said: expect.not.stringMatching(/refuse|SLP/) })
    const answers = stdout.trim().split('\n')
    expect(answers.filter((line) => line !== '200 403').at(-1)).toBe('200 200')
    expect(answers.filter((line) => !['200 403', '200 200'].includes(line))).toEqual([])
    expect(records.filter(({ host }) => host === 'd2iq.com').every(({ path }) => path === 'gateway')).toBe(true)
    expect(before.split('\n').filter((line) => line.startsWith('outbound|') && !after.has(line))).toEqual([])
  }, 120_000)
})
