// A workload that has joined by a token outlives its first certificate: it renews it in time, and what was opened by the old one is opened anew.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Joined, runJoined } from './joined-run.ts'
import { askApi, hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const [data, home, state] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()]
const authority = join(home.path, 'ca')
/** Within them the server cuts what was opened by a certificate that has expired. */
const cutMs = 5000
let api: ServedApi
let web: Joined
let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

const ask = async (...args: readonly string[]): Promise<string> => {
  const { out, err } = await kubectl(args)
  return `${out}${err}`
}

const keptUntil = (): number => {
  const [file = ''] = readdirSync(authority).filter((name) => /^joined-.*\.json$/.test(name))
  const kept: { readonly notAfter: number } = JSON.parse(readFileSync(join(authority, file), 'utf8'))
  return kept.notAfter
}

describe.skipIf(!hasKubectl())('a certificate of a few seconds', () => {
  beforeAll(async () => {
    api = await serveApi(data.path, { more: ['--certificate-ttl', '6s'] })
    kubectl = kubectlOf(data.path, home.path)
    const path = '/apis/node.sallyport.dev/v1/namespaces/default/serviceaccounts/web/bootstrap'
    const made: { readonly status: { readonly token: string } } = JSON.parse((await askApi(api, path, { method: 'POST', body: '{}' })).body)
    const tokenFile = join(home.path, 'token')
    writeFileSync(tokenFile, made.status.token)
    const token = [
      '--token-file',
      tokenFile,
      '--ca-file',
      join(data.path, 'pki/ca.crt'),
      '--sa',
      'web',
      '--name',
      'web',
      '--ca-dir',
      authority,
    ]
    web = runJoined({ data: data.path, state: state.path }, token, ['sh', '-c', 'echo begun; exec sleep 300'])
  }, 40_000)

  afterAll(async () => {
    web.kill('SIGKILL')
    await web.ended
    await api.kill('SIGTERM')
    for (const folder of [data, home, state]) folder.remove()
  })

  it('is renewed, and the workload stays in touch, is asked, and is told what changes', { retry: 0 }, async () => {
    await expect.poll(() => ask('logs', 'web'), { timeout: 30_000 }).toBe('begun\n')
    const first = keptUntil()
    await expect.poll(() => Date.now() > first + cutMs, { timeout: 30_000 }).toBe(true)
    expect(keptUntil()).toBeGreaterThan(Date.now())
    await expect.poll(() => ask('logs', 'web'), { timeout: 5000 }).toBe('begun\n')
    expect(await ask('get', 'pod', 'web')).toMatch(/1\/1 +Running/)
    const entry = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name: 'late' },
      spec: {
        hosts: ['late.example.test'],
        addresses: ['198.18.7.7'],
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
        resolution: 'DNS',
      },
    }
    expect((await kubectl(['apply', '-f', '-'], JSON.stringify(entry))).out).toContain('created')
    await expect.poll(() => ask('exec', 'web', '--', 'getent', 'hosts', 'late.example.test'), { timeout: 15_000 }).toContain('198.18.7.7')
    expect(web.err()).not.toMatch(/not renewed|does not hear|is away/)
  })
})
