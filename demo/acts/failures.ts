// Acts 3 and 4: the application node has no route of its own, and then no gateway; what is declared to take the gateway takes no other way.
import { addresses } from '../plan.ts'
import type { Stage } from '../stage.ts'
import type { Act } from '../step.ts'
import {
  curl,
  expectAnswer,
  expectNobody,
  expectRecord,
  expectRedisRefused,
  expectRedisServed,
  expectSeen,
  isRecord,
  telnetRedis,
} from './typed.ts'

const { gateway, redis } = addresses

export const lostRouteAct: Act<Stage> = {
  title: 'the application node loses its route to the outside',
  async prepare(stage) {
    await stage.declarations.put('direct-entry.yaml')
    await stage.declarations.put('d2iq-entry.yaml')
    await stage.declarations.put('d2iq-gateway.yaml')
    await stage.application.loseRoute()
  },
  steps: [
    {
      name: 'lost-route-direct',
      shows: 'what is declared without the gateway can no longer be reached: the node has no other way',
      async play(stage, notebook) {
        expectAnswer(notebook, await curl(stage, notebook, 'http://direct.example.test/'), '503')
        await expectNobody(stage, notebook)
        await expectRecord(
          stage.sidecar,
          notebook,
          (record) => isRecord({ verdict: 'allow', host: 'direct.example.test' })(record) && record.flag.includes('UF'),
        )
      },
    },
    {
      name: 'lost-route-http-gateway',
      shows: 'HTTP through the gateway works: the gateway really is in the path',
      async play(stage, notebook) {
        expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200', 'd2iq.com')
        await expectSeen(stage, notebook, { kind: 'http', peer: gateway })
      },
    },
    {
      name: 'lost-route-redis-gateway',
      shows: 'Redis through the gateway works',
      async play(stage, notebook) {
        await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), gateway)
      },
    },
  ],
}

export const stoppedGatewayAct: Act<Stage> = {
  title: 'the gateway stops, though the application node has its route again',
  async prepare(stage) {
    await stage.application.regainRoute()
    await stage.stopGateway()
  },
  steps: [
    {
      name: 'stopped-gateway-http',
      shows: 'without the gateway the request fails: there is no falling back to the direct way',
      async play(stage, notebook) {
        expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '503')
        await expectNobody(stage, notebook)
        await expectRecord(
          stage.sidecar,
          notebook,
          (record) => isRecord({ path: 'gateway', host: 'd2iq.com' })(record) && record.flag.includes('UF'),
        )
      },
    },
    {
      name: 'stopped-gateway-redis',
      shows: 'nor for Redis',
      async play(stage, notebook) {
        await expectRedisRefused(stage, notebook, await telnetRedis(stage, notebook, redis))
      },
    },
    {
      name: 'restarted-gateway-http',
      shows: 'the gateway is back, and so is d2iq.com',
      async play(stage, notebook) {
        notebook.did('the gateway starts again')
        await stage.startGateway()
        expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200', 'd2iq.com')
        await expectSeen(stage, notebook, { kind: 'http', peer: gateway })
      },
    },
    {
      name: 'restarted-gateway-redis',
      shows: 'and Redis',
      async play(stage, notebook) {
        await expectRedisServed(stage, notebook, await telnetRedis(stage, notebook, redis), gateway)
      },
    },
  ],
}
