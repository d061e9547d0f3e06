// Holds that the version of a configuration depends on what it says alone, not on what was there before.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readText } from '../config/index.ts'
import { ConfigVersion } from './config-version.ts'

const kinds = ['ServiceEntry', 'Namespace'] as const
const resource = fc.record({
  kind: fc.constantFrom(...kinds),
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  says: fc.constantFrom('one', 'two'),
})
const configuration = fc.uniqueArray(resource, { selector: ({ kind, name }) => `${kind} ${name}`, maxLength: 8 })
type Said = typeof configuration extends fc.Arbitrary<infer C> ? C : never

test('a version that follows changes is that of a start, and differs where the configuration does', () => {
  fc.assert(
    fc.property(fc.array(configuration, { minLength: 1, maxLength: 6 }), (all) => {
      const following = new ConfigVersion()
      const saidBy = new Map<string, string>()
      for (const said of all) {
        const { resources } = readText(textOf(said), 'all.yaml')
        const version = following.of(resources)
        expect(version).toBe(new ConfigVersion().of(resources))
        expect(version).toMatch(/^[\w-]{16}$/)
        const key = said.map(documentOf).toSorted().join()
        expect(saidBy.get(version) ?? key).toBe(key)
        saidBy.set(version, key)
      }
    }),
    { numRuns: 50 },
  )
})

function textOf(said: Said): string {
  return said.map(documentOf).join('---\n')
}

function documentOf({ kind, name, says }: Said[number]): string {
  if (kind === 'Namespace') return `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {says: ${says}}}\n`
  const spec = `spec: {hosts: [${says}.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n`
  return `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ${name}}\n${spec}`
}
