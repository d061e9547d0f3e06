// Holds that what is encoded piece by piece is read as the same message.
import { equals, fromBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { create } from './create.ts'
import { type Listener, ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js'
import { type RouteConfiguration, RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js'
import * as piecewise from './piecewise.ts'
import { encodingPieces } from './piecewise.ts'

const encodeListener = (listener: Listener) => Buffer.concat(piecewise.encodeListener(listener))
const encodeRouteConfiguration = (table: RouteConfiguration) => Buffer.concat(piecewise.encodeRouteConfiguration(table))

const chains = Array.from({ length: 3 }, (_, i) => ({ name: `chain-${i}`, filterChainMatch: { serverNames: [`h${i}.test`] } }))
const hosts = Array.from({ length: 3 }, (_, i) => ({ name: `host-${i}`, domains: [`h${i}.test`], routes: [{ name: 'x'.repeat(300) }] }))

test('a listener', () => {
  const listener = create(ListenerSchema, { name: 'l', filterChains: chains, defaultFilterChain: { name: 'rest' }, bindToPort: false })
  const bytes = encodeListener(listener)
  expect(equals(ListenerSchema, fromBinary(ListenerSchema, bytes), listener)).toBe(true)
  expect(Array.from(encodingPieces(listener))).toHaveLength(3)
  const other = create(ListenerSchema, { ...listener, filterChains: listener.filterChains.slice(1) })
  expect(fromBinary(ListenerSchema, encodeListener(other)).filterChains.map(({ name }) => name)).toEqual(['chain-1', 'chain-2'])
})

test('a route table', () => {
  const table = create(RouteConfigurationSchema, { name: 'r', virtualHosts: hosts, validateClusters: false })
  expect(equals(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, encodeRouteConfiguration(table)), table)).toBe(true)
  expect(Array.from(encodingPieces(table))).toHaveLength(3)
})

test('fields that nobody here knows are not lost', () => {
  const strange = fromBinary(
    RouteConfigurationSchema,
    new Uint8Array([...encodeRouteConfiguration(create(RouteConfigurationSchema, { name: 'r' })), 0xfa, 0x7f, 1, 65]),
  )
  expect(strange.$unknown).toHaveLength(1)
  expect(Buffer.from(encodeRouteConfiguration(strange)).subarray(-1).toString()).toBe('A')
})
