// Kills `sallyport serve` under load and leaves it away: requests through a joined gateway never notice, and all is in touch again when it is back.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { serviceEntry } from '../support/declare.ts'
import { mutualWay } from '../support/mutual-gateway.ts'
import type { NodeProcess, Output } from '../support/node-process.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import { openFolder, readRecords } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'
import { hasKubectl, temporaryDirectory } from './served-api.ts'

/** Long enough for everybody to notice; `make soak` takes longer. */
const AWAY_SECONDS = Number(process.env['SERVE_AWAY_SECONDS'] ?? 3)

const stand = new StandardWorld()
const data = temporaryDirectory()
const folder = openFolder()
const env = { KUBECONFIG: join(data.path, 'kubeconfig'), HOME: folder, XDG_STATE_HOME: join(folder, 'state') }
const poll = { timeout: 30_000 }

const entry = (name: string): string => serviceEntry({ host: name, port: 80, protocol: 'HTTP' })

/** A connection for each request, and one for many, until the file \`stop\` is there. */
const load = `get() { curl -s -m 10 -o /dev/null -w '%{http_code}\\n' "$@"; }
until [ "$(get http://d2iq.com/)" = 200 ]; do sleep 0.2; done
echo begun
until [ -e stop ]; do get http://d2iq.com/; done &
until [ -e stop ]; do get --rate 100/s 'http://d2iq.com/[1-50]'; done &
wait`

function start(node: 'w1' | 'gw', words: readonly string[]): NodeProcess {
  const state = words[0] === 'serve' ? [] : ['--state-dir', join(folder, node), '--flows', flowsOf(node), '--resolver', addresses.out]
  const [role = '', ...rest] = words
  return stand.node(node).spawn(process.execPath, [bundled('bin.js'), role, ...state, ...rest], { cwd: folder, env, detached: true })
}

const flowsOf = (node: string): string => join(folder, `${node}.jsonl`)

async function serve(): Promise<NodeProcess> {
  const listen = ['--data', data.path, '--listen', `${addresses.w1}:6443`, '--outbound', 'REGISTRY_ONLY']
  const running = start('w1', ['serve', ...listen])
  await running.says('API at')
  return running
}

const kubectl = (args: readonly string[], input = ''): Promise<Output> => stand.w1.exec('kubectl', args, { env, input })
const ask = async (args: string): Promise<string> => {
  const { stdout, stderr } = await kubectl(args.split(' '))
  return `${stdout}${stderr}`
}
const allRun =
  /istio-egressgateway +1\/1 +Running +0[^]*web +1\/1 +Running +0|web +1\/1 +Running +0[^]*istio-egressgateway +1\/1 +Running +0/

describe.skipIf(!hasKubectl())('a server that is killed under load', () => {
  afterAll(() => {
    data.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it(`is away for ${AWAY_SECONDS} s: no request fails, and everything is in touch again and told what is new`, {
    timeout: 120_000 + AWAY_SECONDS * 1000,
    retry: 0,
  }, async () => {
    let server = await serve()
    // Through the gateway that the server's own Service finds, by the mesh's mutual TLS.
    expect(await kubectl(['apply', '-f', '-'], mutualWay)).toMatchObject({ code: 0 })
    const gatewayPlace = ['-n', 'istio-system', '--name', 'istio-egressgateway', '-l', 'istio=egressgateway']
    const gateway = start('gw', ['gateway', '--join', ...gatewayPlace, '--node-name', 'gw', '--from', '198.18.0.0/24', '--drain', '1'])
    const web = start('w1', ['run', '--join', '--name', 'web', '--node-name', 'w1', '--', 'sh', '-c', load])
    await web.says('begun', 30_000)
    await expect.poll(() => ask('get pods -A'), poll).toMatch(allRun)
    const answers = (): readonly string[] => web.stdout().split('\n').slice(1, -1)
    await expect.poll(() => answers().length, poll).toBeGreaterThan(50)

    const began = answers().length
    server.signal('SIGKILL')
    await server.ended
    const back = performance.now() + AWAY_SECONDS * 1000
    await expect.poll(() => performance.now() > back, { timeout: AWAY_SECONDS * 1000 + 5000 }).toBe(true)
    const meanwhile = answers().length - began
    server = await serve()

    await expect.poll(() => ask('exec web -- echo executed'), poll).toBe('executed\n')
    expect(await ask('get pods -A')).toMatch(allRun)
    expect(await ask('logs web --tail=1')).toBe('200\n')
    const other = 'exec web -- curl -s -m 10 -o /dev/null -w %{http_code} http://other.example.test/'
    expect(await ask(other)).toBe('403')
    expect(await kubectl(['apply', '-f', '-'], entry('other.example.test'))).toMatchObject({ code: 0 })
    await expect.poll(() => ask(other), poll).toBe('200')

    writeFileSync(join(folder, 'stop'), '')
    await web.ended
    gateway.signal('SIGTERM')
    await gateway.ended
    expect(await ask('get pods -A')).toBe('No resources found\n')
    server.signal('SIGTERM')
    await server.ended
    const failed = answers().filter((code) => code !== '200')
    const passed = readRecords(flowsOf('gw')).filter((record) => record.host === 'd2iq.com').length
    tellCounts(`serve away for ${AWAY_SECONDS} s under load: ${answers().length} requests, ${failed.length} failed, ${meanwhile} meanwhile`)
    expect(failed).toEqual([])
    expect(meanwhile).toBeGreaterThan(0)
    expect(passed).toBeGreaterThanOrEqual(answers().length)
  })
})
