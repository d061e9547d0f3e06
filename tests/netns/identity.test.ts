// Holds the mesh's own mutual TLS from a sealed command to a gateway on another node, and that the command sees nothing of what signs identities.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeCertificates } from '../support/certificates.ts'
import { documents, secret } from '../support/declare.ts'
import { engineOptions } from '../support/envoy.ts'
import { mutualGateway, mutualWay } from '../support/mutual-gateway.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { addresses } from '../support/outside-plan.ts'
import { bundled } from '../support/outside-servers.ts'
import { isRequest } from '../support/seen.ts'
import { openFolder, readRecords, runSidecar, startSidecar, users } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()

interface Gateway {
  readonly running: NodeProcess
  readonly flows: string
  readonly declare: (text: string) => void
}

async function withGateway(
  folder: string,
  options: readonly string[],
  script: (gateway: Gateway) => Promise<void>,
  declared = mutualGateway,
): Promise<void> {
  const policy = join(folder, 'policy.yaml')
  const declare = (text: string): void => {
    writeFileSync(`${policy}.new`, text)
    renameSync(`${policy}.new`, policy)
  }
  declare(declared)
  const flows = join(folder, 'gateway.jsonl')
  const args = [
    'gateway',
    '-n',
    'istio-system',
    '-l',
    'istio=egressgateway',
    '-f',
    policy,
    '--from',
    '198.18.0.0/24',
    '--resolver',
    addresses.out,
  ]
  const running = stand.node('gw').spawn(process.execPath, [bundled('bin.js'), ...args, '--flows', flows, ...options])
  try {
    await running.says('serves')
    await script({ running, flows, declare })
  } finally {
    running.signal('SIGTERM')
    await running.ended
  }
}

const client = 'spiffe://cluster.local/ns/shop/sa/web'
const server = 'spiffe://cluster.local/ns/istio-system/sa/istio-egressgateway'

test.each(Object.entries(engineOptions()))(
  'a sealed command’s HTTP and Redis pass a gateway that knows who it is, and records of both ends name both: %s',
  async (_name, engine) => {
    const folder = openFolder()
    const options = [...engine, '--ca-dir', join(folder, 'ca')]
    try {
      await withGateway(folder, [...options, '--drain', '1'], async ({ flows }) => {
        const { stdout, records } = await runSidecar(stand.w1, {
          declarations: mutualGateway,
          options: [...options, '-n', 'shop', '--sa', 'web', '--name', 'till'],
          command: ['sh', '-c', 'curl -s -o /dev/null -w "%{http_code} " http://d2iq.com/; redis-cli -h 203.0.113.40 ping'],
        })
        expect(stdout).toBe('200 PONG\n')
        const both = { source: { principal: client }, upstreamPrincipal: server }
        expect(records).toMatchObject([
          { kind: 'request', path: 'gateway', ...both },
          { kind: 'connection', path: 'gateway', ...both },
        ])
        const proven = { source: { principal: client, namespace: 'shop', authenticated: true } }
        await expect
          .poll(() => readRecords(flows))
          .toMatchObject([
            { kind: 'request', host: 'd2iq.com', ...proven },
            { kind: 'connection', ...proven },
          ])
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

/** As `mutualGateway`, with certificates of somebody’s own for HTTP. */
const ownWay = mutualGateway
  .replace('hosts: [d2iq.com], tls: {mode: ISTIO_MUTUAL}}', 'hosts: [d2iq.com], tls: {mode: OPTIONAL_MUTUAL, credentialName: way}}')
  .replace(
    'metadata: {name: way, namespace: istio-system}\nspec:',
    'metadata: {name: way, namespace: shop}\nspec:\n  workloadSelector: {matchLabels: {app: web}}',
  )
  .replace(
    '{mode: ISTIO_MUTUAL, sni: d2iq.com}',
    '{mode: MUTUAL, credentialName: way, sni: d2iq.com, subjectAltNames: [gateway.test]}, connectionPool: {http: {maxRequestsPerConnection: 1}}',
  )

test.each(Object.entries(engineOptions()))(
  'certificates of somebody’s own come out of Secrets at both ends, and the origin is told what the client has shown: %s',
  async (_name, engine) => {
    const folder = openFolder()
    await makeCertificates(folder, { gateway: ['gateway.test'], client: ['client.test'], other: ['other.test'] })
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
    const way = (name: string, namespace: string): string =>
      secret('way', { 'tls.crt': read(`${name}.crt`), 'tls.key': read(`${name}.key`), 'ca.crt': read('ca.crt') }, namespace)
    const declared = (server: string): string => documents(ownWay, way(server, 'istio-system'), way('client', 'shop'))
    const options = [...engine, '--ca-dir', join(folder, 'ca')]
    try {
      await withGateway(
        folder,
        [...options, '--drain', '1'],
        async ({ declare }) => {
          const sidecar = startSidecar(stand.w1, {
            declarations: declared('gateway'),
            options: [...options, '-n', 'shop', '--sa', 'web', '-l', 'app=web'],
            command: ['sh', '-c', 'while read line; do curl -s -o /dev/null -w "%{http_code}\\n" http://d2iq.com/; done'],
          })
          const ask = async (times: number): Promise<string | undefined> => {
            sidecar.running.stdin?.write('\n')
            await expect.poll(() => sidecar.running.stdout().trim().split('\n').filter(Boolean).length, { timeout: 20_000 }).toBe(times)
            return sidecar.running.stdout().trim().split('\n').at(-1)
          }
          stand.outside.seen()
          expect(await ask(1)).toBe('200')
          const hash = createHash('sha256')
            .update(new X509Certificate(read('client.crt')).raw)
            .digest('hex')
          const seen = stand.outside
            .seen()
            .filter(isRequest)[0]
            ?.headers.find(([name]) => name.toLowerCase() === 'x-forwarded-client-cert')
          expect(seen?.[1]).toBe(`Hash=${hash};Subject="CN=client.test";URI=;DNS=client.test`)
          // A certificate for another name is shown from then on, without anything being started again.
          declare(declared('other'))
          let asked = 1
          await expect.poll(() => ask(++asked), { timeout: 20_000 }).toBe('503')
          sidecar.running.stdin?.end()
          const { records } = await sidecar.finish()
          expect(records.at(-1)).toMatchObject({
            flag: expect.stringContaining('UF'),
            details: expect.stringContaining('CERTIFICATE_VERIFY_FAILED'),
          })
          expect(JSON.stringify(records)).not.toContain('PRIVATE KEY')
        },
        declared('gateway'),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

test('over xDS, a server gives both their certificates by its socket, and no key is kept', async () => {
  const folder = openFolder()
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, mutualGateway)
  const socket = join(folder, 'xds.sock')
  const state = ['--xds', socket, '--state-dir', join(folder, 'state')]
  const bin = [bundled('bin.js')]
  const serving = stand
    .node('gw')
    .spawn(process.execPath, [
      ...bin,
      'serve',
      '-f',
      policy,
      '--outbound',
      'REGISTRY_ONLY',
      '--xds',
      socket,
      '--ca-dir',
      join(folder, 'ca'),
    ])
  await serving.says('configuration at')
  const peer = ['-n', 'istio-system', '-l', 'istio=egressgateway', '--from', '198.18.0.0/24', '--resolver', addresses.out, '--drain', '1']
  const gateway = stand.node('gw').spawn(process.execPath, [...bin, 'gateway', ...peer, ...state])
  try {
    await gateway.says('serves')
    const { stdout, stderr, records } = await runSidecar(stand.w1, {
      xds: socket,
      options: ['--state-dir', join(folder, 'state'), '-n', 'shop', '--sa', 'web'],
      command: [
        'sh',
        '-c',
        'for i in 1 2 3 4 5 6 7 8 9; do code=$(curl -s -o /dev/null -w "%{http_code}" http://d2iq.com/); [ $code = 200 ] && break; sleep 0.3; done; echo $code',
      ],
    })
    expect({ stdout, stderr }).toMatchObject({ stdout: '200\n' })
    expect(records.at(-1)).toMatchObject({
      source: { principal: client },
      upstreamPrincipal: server,
    })
    expect((await stand.w1.exec('grep', ['-rlE', 'PRIVATE KEY', join(folder, 'state')])).stdout).toBe('')
  } finally {
    gateway.signal('SIGTERM')
    serving.signal('SIGTERM')
    await Promise.all([gateway.ended, serving.ended])
    rmSync(folder, { recursive: true, force: true })
  }
})

test('another authority’s word counts for nothing', async () => {
  const folder = openFolder()
  try {
    await withGateway(folder, ['--ca-dir', join(folder, 'ca'), '--drain', '1'], async ({ flows }) => {
      const { stdout, records } = await runSidecar(stand.w1, {
        declarations: mutualGateway,
        options: ['--ca-dir', join(folder, 'other')],
        command: ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://d2iq.com/'],
      })
      expect(stdout).toBe('503')
      expect(records).toMatchObject([{ flag: 'URX,UF', details: expect.stringContaining('CERTIFICATE_VERIFY_FAILED') }])
      expect(flows).toBeDefined()
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

describe.each(Object.entries(users))('as %s', (_name, user) => {
  test('the command finds nothing of the authority, and cannot put one of its own there', async () => {
    const script = [
      'ca=$HOME/.local/state/sallyport/ca',
      'curl -s -o /dev/null -w "%{http_code} " http://d2iq.com/',
      'ls -A $ca | wc -l',
      'cat $ca/authority.pem || echo unseen',
      'touch $ca/authority.pem || echo unwritten',
      'rmdir $ca || echo kept',
      'mv $HOME/.local/state/sallyport $HOME/.local/state/other || echo pinned',
      'mv $HOME/.local $HOME/other || echo pinned',
    ].join('; ')
    const { stdout, code } = await runSidecar(stand.w1, {
      declarations: mutualWay,
      command: ['sh', '-c', script],
      ...user,
    })
    expect({ code, said: stdout.split(/\s+/).filter(Boolean) }).toEqual({
      code: 0,
      said: ['200', '0', 'unseen', 'unwritten', 'kept', 'pinned', 'pinned'],
    })
  })
})
