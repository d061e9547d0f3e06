// Holds that a newer version of a resource is read as a whole one is, and that what both versions have stays the same objects.
import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js'
import { VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.js'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js'
import { decodeResource, typeUrls } from '../index.ts'
import { readSharing } from './shared-parts.ts'

const kinds = {
  listener: {
    typeUrl: typeUrls.listener,
    write: (name: string, parts: readonly string[]) => {
      const filterChains = parts.map((part) => create(FilterChainSchema, { name: part }))
      return toBinary(ListenerSchema, create(ListenerSchema, { name, filterChains, bindToPort: false }))
    },
  },
  'route table': {
    typeUrl: typeUrls.route,
    write: (name: string, parts: readonly string[]) => {
      const virtualHosts = parts.map((part) => create(VirtualHostSchema, { name: part, domains: [part] }))
      return toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name, virtualHosts, ignorePortInHostMatching: true }))
    },
  },
}

const parts = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 8 })

function partsOf(read: ReturnType<typeof decodeResource>): readonly object[] {
  if (read.key === 'listeners') return read.resource.filterChains
  return read.key === 'routes' ? read.resource.virtualHosts : []
}

test.each(Object.entries(kinds))('a %s is read as if there had been nothing before', (_name, { typeUrl, write }) => {
  fc.assert(
    fc.property(parts, parts, (before, now) => {
      const old = { read: decodeResource(typeUrl, write('x', before)), body: write('x', before) }
      const body = write('x', now)
      const { read } = readSharing(typeUrl, body, old) ?? {}
      expect(read).toEqual(decodeResource(typeUrl, body))
      // Nothing was done to the earlier one.
      expect(old.read).toEqual(decodeResource(typeUrl, old.body))
    }),
  )
})

test.each(Object.entries(kinds))('of a %s only what changed is made anew', (_name, { typeUrl, write }) => {
  const body = write('x', ['a', 'b', 'c', 'd'])
  const before = { read: decodeResource(typeUrl, body), body }
  const shared = readSharing(typeUrl, write('x', ['a', 'b', 'x', 'y', 'd']), before)
  if (shared === undefined) throw new Error('nothing is shared')
  const [a, b, , d] = partsOf(before.read)
  const now = partsOf(shared.read)
  expect([now[0] === a, now[1] === b, now[4] === d]).toEqual([true, true, true])
  // The rest of the resource, and two parts.
  expect(shared.fresh).toHaveLength(3)
})

test('bytes that are no such resource are refused', () => {
  const { typeUrl, write } = kinds.listener
  const body = write('x', ['a'])
  const before = { read: decodeResource(typeUrl, body), body }
  expect(() => readSharing(typeUrl, Buffer.concat([body, Buffer.from([0x1a, 0x7f])]), before)).toThrow(/EOF/)
})

test('other types share nothing', () => {
  const { write } = kinds.listener
  const body = write('x', [])
  expect(readSharing(typeUrls.cluster, body, { read: decodeResource(typeUrls.listener, body), body })).toBeUndefined()
})
