// Act 2, the TCP walk-through: a Redis outside the mesh, by telnet, from ALLOW_ANY to the egress gateway, past the usual mistakes.
import { addresses } from '../plan.ts'
import type { Stage } from '../stage.ts'
import type { Act, Notebook, Step } from '../step.ts'
import { declare, expectNobody, expectRecord, expectRedisRefused, expectRedisServed, isRecord, telnetRedis } from './typed.ts'

const { application, gateway, redis, otherRedis, nameServer } = addresses

const direct: readonly Step<Stage>[] = [
  {
    name: 'redis-allow-any',
    shows: 'under ALLOW_ANY telnet reaches Redis, from the application node',
    async play(stage, notebook) {
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), application)
      await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'allow', path: 'passthrough' }))
    },
  },
  {
    name: 'redis-registry-only',
    shows: 'under REGISTRY_ONLY the connection is accepted and closed; Redis never hears of it',
    async play(stage, notebook) {
      await declare(stage, notebook, 'mesh-registry-only.yaml', 'mesh.yaml')
      await expectRedisRefused(stage, notebook, await telnetRedis(stage, notebook, redis))
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) => isRecord({ verdict: 'deny', path: 'none' })(record) && record.destination === `${redis}:6379`,
      )
    },
  },
  {
    name: 'redis-service-entry',
    shows: 'a ServiceEntry with the address and TCP port opens it again, directly',
    async play(stage, notebook) {
      await declare(stage, notebook, 'redis-entry.yaml')
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), application)
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) => isRecord({ verdict: 'allow', path: 'direct' })(record) && record.by?.kind === 'ServiceEntry',
      )
    },
  },
  {
    name: 'redis-other-address',
    shows: 'another address on the same port stays closed, though a Redis answers there',
    async play(stage, notebook) {
      await expectRedisRefused(stage, notebook, await telnetRedis(stage, notebook, otherRedis))
    },
  },
]

const mistakes: readonly Step<Stage>[] = [
  {
    name: 'redis-unknown-field',
    shows: 'a field that Gateway does not have is an error with its place; the traffic stays as it was',
    async play(stage, notebook) {
      const start = stage.shell().shown().length
      await declare(stage, notebook, 'redis-gateway-as-written.yaml', 'redis-gateway.yaml')
      await expectShown(stage, notebook, start, [/redis-gateway\.yaml:9:\d+/, /servers\[0\]\.addresses/])
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), application)
    },
  },
  {
    name: 'redis-gateway-not-in-path',
    shows: 'a Gateway that no VirtualService leads to changes nothing, and Sallyport says so loudly',
    async play(stage, notebook) {
      const start = stage.shell().shown().length
      await declare(stage, notebook, 'redis-gateway-mended.yaml', 'redis-gateway.yaml')
      await expectShown(stage, notebook, start, [/warning/, /does not go through gateway/])
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), application)
      await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'allow', path: 'direct' }))
    },
  },
]

const throughGateway: readonly Step<Stage>[] = [
  {
    name: 'redis-gateway',
    shows:
      'with the VirtualService Redis is reached from the gateway; resolution NONE works, with a warning that Istio’s gateway would close',
    async play(stage, notebook) {
      const start = stage.shell().shown().length
      await declare(stage, notebook, 'redis-virtual-service.yaml')
      await expectShown(stage, notebook, start, [/resolution NONE/])
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), gateway)
    },
  },
  {
    name: 'redis-gateway-records',
    shows: 'both doors wrote it down; the addresses of the hop between them join the two records',
    async play(stage, notebook) {
      const first = await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'allow', path: 'gateway' }))
      await expectRecord(
        stage.gateway,
        notebook,
        (record) =>
          record.verdict === 'allow' &&
          record.upstream === `${redis}:6379` &&
          first !== undefined &&
          (record.parent === first.id || record.source.address === first.upstreamLocal),
      )
    },
  },
  {
    name: 'redis-gateway-static',
    shows: 'with resolution STATIC and endpoints it goes the same way, and there is nothing to warn of',
    async play(stage, notebook) {
      const start = stage.shell().shown().length
      await declare(stage, notebook, 'redis-entry-static.yaml', 'redis-entry.yaml')
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), gateway)
      const said = stage.shell().shown().slice(start)
      notebook.expect('stderr', /warning|error/.test(said) ? said : 'no warning', !/warning|error/.test(said))
    },
  },
  {
    name: 'redis-by-name',
    shows: 'the declared name leads there too',
    async play(stage, notebook) {
      await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, 'redis.domain'), gateway)
    },
  },
  {
    name: 'udp-refused',
    shows: 'UDP (QUIC, NTP and whatever else) has no way out: refused at once, and counted',
    async play(stage, notebook) {
      await stage.outside.seen()
      stage.sidecar.mark()
      const command = `bash -c 'echo hello > /dev/udp/${nameServer}/443'`
      notebook.did(`$ ${command}`)
      const started = performance.now()
      const said = await stage.shell().run(`${command}; echo "exit code $?"`)
      const isRefused = /exit code [1-9]/.test(said) && performance.now() - started < 2000
      notebook.expect('bash', said, isRefused)
      await expectNobody(stage, notebook)
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) =>
          record.kind === 'packets' &&
          isRecord({ verdict: 'deny', protocol: 'udp' })(record) &&
          record.destination === `${nameServer}:443` &&
          (record.count ?? 0) > 0,
      )
    },
  },
]

async function expectShown(stage: Stage, notebook: Notebook, start: number, patterns: readonly RegExp[]): Promise<void> {
  const found = await Promise.all(patterns.map((pattern) => stage.shell().watch(pattern, start)))
  notebook.expect(
    'stderr',
    stage.shell().shown().slice(start) || 'nothing',
    found.every((text) => text !== undefined),
  )
}

export const redisAct: Act<Stage> = {
  title: 'TCP, with telnet: a Redis outside the mesh',
  async prepare(stage) {
    await stage.declarations.remove('d2iq-gateway.yaml')
    await stage.declarations.remove('d2iq-entry.yaml')
    await stage.declarations.put('mesh-allow-any.yaml', 'mesh.yaml')
    await stage.openShell()
  },
  steps: [...direct, ...mistakes, ...throughGateway],
}
