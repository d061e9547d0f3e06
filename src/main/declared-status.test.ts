// Holds what is said of an object: the findings about it, in Istio's words, and the addresses that its hosts were given.
import { expect, test } from 'vitest'
import { analyze } from '../analysis/index.ts'
import { readText } from '../config/index.ts'
import { buildModel } from '../model/index.ts'
import { Watchable } from '../base/index.ts'
import { DeclaredStatus } from './declared-status.ts'

const key = { resource: 'serviceentries.networking.istio.io', namespace: 'default', name: 'redis' }
const source = 'serviceentries.networking.istio.io default/redis'

function statusOf(spec: object): ReturnType<NonNullable<ReturnType<DeclaredStatus['now']>>> | undefined {
  const meta = { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'redis', namespace: 'default' } }
  const config = readText(JSON.stringify({ ...meta, spec }), source)
  const model = buildModel(config.resources, config.settings)
  const status = new DeclaredStatus({ refresh: () => undefined, snapshot: new Watchable(config) })
  expect(status.now()).toBeUndefined()
  status.take({ config, model, issues: [...config.issues, ...analyze(model)] })
  return status.now()?.(key)
}

const web = { hosts: ['a.example', 'b.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }

test('an entry in which nothing is found has passed, and has the addresses of its hosts', () => {
  const status = statusOf(web)
  expect(status?.condition).toEqual({ type: 'PassedAnalysis', status: 'True', reason: 'noMessagesFound', message: 'No messages found' })
  expect(status?.fields).toEqual({
    validationMessages: undefined,
    addresses: ['a.example', 'b.example'].flatMap((host) => [
      { host, value: expect.stringMatching(/^240\.240\./) },
      { host, value: expect.stringMatching(/^2001:2::/) },
    ]),
  })
})

test('an entry with addresses was given none', () => {
  expect(statusOf({ ...web, addresses: ['198.18.1.5'] })?.fields['addresses']).toBeUndefined()
})

test('what is found is counted, said, and listed by its code', () => {
  const status = statusOf({ ...web, hosts: ['a.example'], ports: [{ number: 6379, name: 'tcp', protocol: 'TCP' }] })
  expect(status?.condition).toMatchObject({ status: 'False', reason: 'warningsFound' })
  expect(status?.condition.message).toMatch(/^1 Warning found: spec\.ports\[0\]: port 6379 is of protocol TCP/)
  const documentationUrl = 'https://istio.io/latest/docs/reference/config/analysis/ist0134/'
  expect(status?.fields['validationMessages']).toEqual([{ documentationUrl, level: 'WARNING', type: { code: 'IST0134' } }])
})

test('what was found is about the configuration that is in force, and no other', () => {
  const config = readText('', 'nothing')
  const other = readText('', 'other')
  const status = new DeclaredStatus({ refresh: () => undefined, snapshot: new Watchable(config) })
  status.take({ config: other, model: buildModel(other.resources, other.settings), issues: [] })
  expect(status.now()).toBeUndefined()
})
