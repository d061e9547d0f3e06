// Tests that a decision explains itself by the steps it took.
import { expect, test } from 'vitest'
import { compile, decide, traceDecision } from './index.ts'
import {
  blackHole,
  catchAll,
  connection,
  dnsCluster,
  http1,
  listener,
  otherHosts,
  refTo,
  routeTable,
  routeTo,
  sniffedHttpChain,
  snapshotOf,
  tcpChain,
  virtualHost,
  virtualOutbound,
} from './snapshot-builder.test-kit.ts'

const { runtime } = compile(
  snapshotOf({
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [sniffedHttpChain('80')], otherwise: catchAll() }),
      listener('0.0.0.0_25', ['0.0.0.0:25'], {
        chains: [tcpChain('mail', { said: refTo('ServiceEntry/a/mail', { resolvesTo: 'mail.test' }) })],
      }),
    ],
    routes: [routeTable('80', [virtualHost('a:80', ['a.test'], [routeTo('c', { name: 'r' })], refTo('ServiceEntry/a/a')), otherHosts()])],
    clusters: [blackHole(), dnsCluster('c', ['a.test:80']), dnsCluster('mail', ['mail.test:25'])],
  }),
  { addresses: [] },
)
const ref = { kind: 'ServiceEntry', namespace: 'a', name: 'a' }
const names = { 'a.test': ['127.0.0.1', '203.0.113.1'], 'mail.test': ['203.0.113.2'] }

test('a request, from listener to addresses', () => {
  const facts = connection({ to: '192.0.2.1:80', first: http1('a.test'), names })
  const { steps, request } = traceDecision(runtime, facts, { method: 'GET', authority: 'a.test', path: '/' })
  expect(steps).toMatchObject([
    { step: 'listener', name: '0.0.0.0_80', how: 'port' },
    { step: 'chain', name: 'http', how: 'match' },
    { step: 'virtual-host', name: 'a:80', host: 'a.test', ref },
    { step: 'route', name: 'r' },
    { step: 'cluster', name: 'c', kind: 'dns' },
    { step: 'name', name: 'a.test', addresses: ['127.0.0.1', '203.0.113.1'] },
    { step: 'address', ip: '127.0.0.1', taken: false, class: 'loopback' },
    { step: 'address', ip: '203.0.113.1', taken: true, class: 'public' },
  ])
  expect(request).toMatchObject({ verdict: 'forward', targets: [{ ip: '203.0.113.1', port: 80 }] })
})

test('the second time as the first, although addresses were judged already', () => {
  const facts = connection({ to: '192.0.2.1:80', first: http1('a.test'), names })
  const ask = () => traceDecision(runtime, facts, { method: 'GET', authority: 'a.test', path: '/' }).steps
  expect(ask()).toEqual(ask())
})

test('a request that nothing declares', () => {
  const facts = connection({ to: '192.0.2.1:80', first: http1('evil.test') })
  const { steps, request } = traceDecision(runtime, facts, { method: 'GET', authority: 'evil.test', path: '/' })
  expect(steps.slice(2)).toMatchObject([
    { step: 'virtual-host', name: 'block_all' },
    { step: 'route', name: 'block_all' },
  ])
  expect(request).toMatchObject({ verdict: 'deny', reason: { code: 'not-declared' } })
})

test('a connection by an address of a name', () => {
  expect(traceDecision(runtime, connection({ to: '203.0.113.2:25', names })).steps).toMatchObject([
    { step: 'listener', name: '0.0.0.0_25' },
    { step: 'name', name: 'mail.test' },
    { step: 'chain', how: 'resolves-to', ref: { name: 'mail' } },
    { step: 'cluster', name: 'mail' },
    { step: 'name', name: 'mail.test' },
    { step: 'address', taken: true },
  ])
})

test('a connection that no chain takes', () => {
  const { steps, connection: decision } = traceDecision(runtime, connection({ to: '203.0.113.9:25', names }))
  expect(steps.at(-1)).toEqual({ step: 'no-chain' })
  expect(decision).toEqual({ verdict: 'gather', need: 'first-bytes', until: 250 })
})

test('what is missing is asked for, and nothing is made up', () => {
  const { steps, connection: decision, request } = traceDecision(runtime, connection({ to: '203.0.113.2:25' }))
  expect(steps.at(-1)).toEqual({ step: 'name', name: 'mail.test' })
  expect([decision, request]).toEqual([{ verdict: 'gather', need: 'addresses', name: 'mail.test', until: 0 }, undefined])
})

test('a trace changes nothing about the decision', () => {
  const facts = connection({ to: '203.0.113.2:25', names })
  expect(traceDecision(runtime, facts).connection).toEqual(decide(runtime, facts))
})
