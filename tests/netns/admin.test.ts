// Proves on a real sidecar that what it carries and refuses is counted, shown and explained from its admin address.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serviceEntry } from '../support/declare.ts'
import { standardTopology } from '../support/outside-plan.ts'
import { bundled, type Outside, startOutside } from '../support/outside-servers.ts'
import { type Sidecar, startSidecar } from '../support/sidecar.ts'
import { createWorld, type World, type WorldNode } from '../support/world.ts'

const admin = '127.0.0.1:15023'

let world: World
let outside: Outside
let w1: WorldNode
let sidecar: Sidecar

beforeAll(async () => {
  world = await createWorld(standardTopology())
  outside = await startOutside(world.node('out'))
  w1 = world.node('w1')
  const get = 'curl -s -m 10 -o /dev/null'
  const script = `${get} http://d2iq.com/; ${get} http://evil.test/; echo done; read line; ${get} http://later.test/; read line`
  const declarations = serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' })
  sidecar = startSidecar(w1, { declarations, options: ['--admin', admin], command: ['sh', '-c', script] })
  await sidecar.running.says('done')
})

afterAll(async () => {
  sidecar.running.stdin?.end()
  await sidecar.finish()
  await outside.close()
  await world.close()
})

async function sallyport(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await w1.exec(process.execPath, [bundled('bin.js'), ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

async function page(path: string): Promise<string> {
  return (await w1.exec('curl', ['-fsS', '-m', '5', `http://${admin}${path}`])).stdout
}

test('flows and top read what the proxy remembers', async () => {
  const lines = (await sallyport('flows', admin)).trimEnd().split('\n')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(
    / -> d2iq\.com:80 http GET \/ ALLOW 200 direct declared by ServiceEntry default\/d2iq-com spec\..* \(.*policy\.yaml:\d+\)$/,
  )
  expect(lines[1]).toMatch(/ -> evil\.test:80 http GET \/ DENY 403 not-declared/)
  const [denied] = JSON.parse(await sallyport('flows', '-o', 'json', '--verdict', 'deny', admin))
  expect(await sallyport('flows', '--explain', denied.id, admin)).toMatch(/^DENY .*\n {2}why .*\[not-declared\]\n/)
  expect(await sallyport('top', '--once', admin)).toMatch(/\nnot-declared evil\.test +\S+ +1 +1 /)
})

test('whoever follows sees the next flow as it ends', async () => {
  const following = w1.spawn(process.execPath, [bundled('bin.js'), 'flows', '-f', admin])
  try {
    await following.says('evil.test')
    sidecar.running.stdin?.write('\n')
    await following.says('later.test')
  } finally {
    following.signal('SIGTERM')
    await following.ended
  }
})

test('the pages show what is in force, and what was counted', async () => {
  const dump = JSON.parse(await page('/config_dump?resource=dynamic_active_clusters&name_regex=d2iq'))
  expect(dump.configs).toMatchObject([{ cluster: { name: 'outbound|80||d2iq.com' } }])
  const clusters = await page('/clusters')
  expect(clusters).toMatch(/^outbound\|80\|\|d2iq\.com::\S+:80::rq_success::1$/m)
  expect(clusters).toMatch(/^outbound\|80\|\|d2iq\.com::\S+:80::rq_active::0$/m)
  expect(await page('/listeners')).toContain('virtualOutbound::0.0.0.0:15001\n')
  const stats = await page('/stats/prometheus')
  expect(stats).toMatch(/^sallyport_verdicts_total\{verdict="deny",reason="not-declared"\} \d/m)
  expect(stats).toMatch(/^sallyport_config_info\{version="\S+"\} 1$/m)
  expect(await page('/certs')).toContain('"certificates": []')
})
