// Holds what is in force when resources come one by one: the newest version, the last good one, or none; and what waits for what.
import { expect, test } from 'vitest'
import { parseIp } from '../base/index.ts'
import { emptySnapshot, readMetadata, type Snapshot } from '../xds/index.ts'
import { type Awaited, type Offer, type Settled, settle } from './index.ts'
import {
  chain,
  dnsCluster,
  edsCluster,
  endpointsOf,
  gatewayListener,
  httpChain,
  listener,
  routeTable,
  routeTo,
  type SnapshotParts,
  snapshotOf,
  staticCluster,
  tcpChain,
  virtualHost,
} from './snapshot-builder.test-kit.ts'

const node = { addresses: [parseIp('192.0.2.1')].filter((ip) => ip !== undefined) }

interface Given {
  readonly good?: Snapshot
  readonly inForce?: Snapshot
  readonly givenUp?: (awaited: Awaited) => boolean
}

function offer(parts: SnapshotParts, { good = emptySnapshot, inForce = good, givenUp = () => false }: Given = {}): Settled {
  const made: Offer = { offered: snapshotOf(parts), good, inForce, previous: undefined, node, isGivenUp: givenUp }
  return settle(made)
}

const web = staticCluster('web', ['203.0.113.1:80'])
const table = (cluster: string) => routeTable('80', [virtualHost('a', ['a.test'], [routeTo(cluster)])])
const badTable = routeTable('80', [virtualHost('a', ['a.test'], [routeTo('web')])], { vhostHeader: 'x' })
const goodListener = gatewayListener('in', '198.51.100.1:80', { chains: [httpChain('80')] })
const badListener = gatewayListener('in', '198.51.100.1:80', { chains: [chain([])] })

const names = ({ waiting }: Settled) =>
  waiting.map(({ type, resource, awaits }) => `${type} ${resource} for ${awaits?.type} ${awaits?.name}`)
const refusals = ({ refused }: Settled) =>
  refused.map(({ key, name, rejection }) => `${key} ${name}: ${rejection.path}: ${rejection.message}`)

test('what is whole is in force as it was offered', () => {
  const parts = { listeners: [goodListener], routes: [table('web')], clusters: [web] }
  const settled = offer(parts)
  expect(settled.snapshot).toEqual(snapshotOf(parts))
  expect(settled.good).toBe(settled.snapshot)
  expect([settled.refused, settled.waiting, settled.rejected]).toEqual([[], [], []])
})

test('a version that cannot be carried out is refused whole, and the last good one goes on', () => {
  const good = snapshotOf({ listeners: [goodListener], routes: [table('web')], clusters: [web] })
  const settled = offer({ listeners: [goodListener], routes: [badTable], clusters: [web] }, { good })
  expect(refusals(settled)).toEqual(['routes 80: : choosing the virtual host by a header other than the authority is not carried out'])
  expect(settled.snapshot.routes.get('80')).toBe(good.routes.get('80'))
  expect(settled.good.routes.get('80')).toBe(good.routes.get('80'))
  expect(settled.rejected).toEqual([])
})

test('without a good version a route table and a cluster are absent', () => {
  const custom = dnsCluster('odd', ['a.test:80'], { transportSocket: { name: 'odd.socket' } })
  const settled = offer({ routes: [badTable], clusters: [custom] })
  expect(settled.snapshot.routes.size + settled.snapshot.clusters.size).toBe(0)
  expect(settled.refused).toHaveLength(2)
})

test('without a good version a listener stands where it was to stand, and refuses', () => {
  const settled = offer({ listeners: [badListener] })
  const stands = settled.snapshot.listeners.get('in')
  expect(stands?.address).toEqual(badListener.address)
  expect(stands?.filterChains).toEqual([])
  expect(readMetadata(stands?.metadata)).toMatchObject({ refuse: 'not-supported', refuseText: 'the listener "in" cannot be carried out' })
  expect(settled.runtime.boundListeners).toHaveLength(1)
  expect(refusals(settled)).toEqual(['listeners in: filter_chains[0]: the filter chain has no filters'])
})

test('what stands for such a listener moves with it, and goes when a good version comes', () => {
  const first = offer({ listeners: [badListener] })
  const moved = gatewayListener('in', '198.51.100.1:81', { chains: [chain([])] })
  const second = settle({
    offered: { ...first.good, listeners: new Map([['in', moved]]) },
    good: first.good,
    inForce: first.snapshot,
    previous: first.runtime,
    node,
    isGivenUp: () => false,
  })
  expect(second.snapshot.listeners.get('in')?.address).toEqual(moved.address)
  const third = offer({ listeners: [goodListener], routes: [table('web')], clusters: [web] }, { good: second.good })
  expect(third.snapshot.listeners.get('in')).toBe(goodListener)
})

test('endpoints are refused by the name of their resource, whatever the cluster is called', () => {
  const cluster = edsCluster('web', { edsClusterConfig: { serviceName: 'service' } })
  const good = snapshotOf({ clusters: [cluster], endpoints: [endpointsOf('service', ['203.0.113.1:80'])] })
  const settled = offer({ clusters: [cluster], endpoints: [endpointsOf('service', ['not an address:80'])] }, { good })
  expect(settled.refused.map(({ key, name }) => `${key} ${name}`)).toEqual(['endpoints service'])
  expect(settled.snapshot.endpoints.get('service')).toBe(good.endpoints.get('service'))
})

test('everything that names what is not there waits for it, one after the other', () => {
  const cluster = edsCluster('web')
  const parts = { listeners: [goodListener], routes: [table('web')], clusters: [cluster] }
  const settled = offer(parts)
  expect(names(settled)).toEqual(['endpoints web for endpoints web', 'route 80 for cluster web', 'listener in for route 80'])
  expect(settled.snapshot.listeners.size + settled.snapshot.routes.size + settled.snapshot.clusters.size).toBe(0)
  expect(settled.good).toEqual(snapshotOf(parts))
  const whole = offer({ ...parts, endpoints: [endpointsOf('web', ['203.0.113.1:80'])] }, { good: settled.good, inForce: settled.snapshot })
  expect(whole.waiting).toEqual([])
  expect(whole.snapshot.listeners.get('in')).toBe(goodListener)
})

test('the version in force goes on while a newer one waits', () => {
  const inForce = snapshotOf({ listeners: [goodListener], routes: [table('web')], clusters: [web] })
  const newer = table('other')
  const settled = offer({ listeners: [goodListener], routes: [newer], clusters: [web] }, { good: inForce })
  expect(names(settled)).toEqual(['route 80 for cluster other'])
  expect(settled.snapshot.routes.get('80')).toBe(inForce.routes.get('80'))
  expect(settled.good.routes.get('80')).toBe(newer)
})

test('what has been waited for long enough is waited for no more', () => {
  const settled = offer({ routes: [table('other')] }, { givenUp: ({ type, name }) => type === 'cluster' && name === 'other' })
  expect(settled.waiting).toEqual([])
  expect(settled.snapshot.routes.size).toBe(1)
  expect(settled.rejected).toMatchObject([{ resource: '80', message: 'there is no cluster "other"' }])
})

test('what is removed while it is in use is gone, and what names it stays and refuses', () => {
  const inForce = snapshotOf({ listeners: [goodListener], routes: [table('web')], clusters: [web] })
  const { listeners, routes } = inForce
  const settled = settle({
    offered: { ...inForce, clusters: new Map() },
    good: inForce,
    inForce,
    previous: undefined,
    node,
    isGivenUp: () => false,
  })
  expect(settled.snapshot).toMatchObject({ listeners, routes })
  expect(settled.snapshot.clusters.size).toBe(0)
  expect(settled.rejected).toMatchObject([{ resource: '80', message: 'there is no cluster "web"' }])
})

test('a listener whose address another one has is refused, and the other keeps it', () => {
  const first = listener('a', ['198.51.100.1:80'], { chains: [tcpChain('web')] })
  const second = listener('b', ['198.51.100.1:80'], { chains: [tcpChain('web')] })
  const settled = offer({ listeners: [first, second], clusters: [web] })
  expect(settled.refused.map(({ name }) => name)).toContain('b')
  expect([...settled.snapshot.listeners.keys()]).toEqual(['a'])
})
