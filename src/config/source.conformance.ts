// What every source of configuration has to hold, whatever the declarations stand in.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConfigSnapshot } from './read-sources.ts'
import type { Store } from './store.ts'

export interface SourceUnderTest {
  /** Declares a document under this name, in the place of what it declared before. */
  declare(name: string, document: object): void
  withdraw(name: string): void
  open(): Store
  cleanUp(): void
}

export function describeSource(name: string, make: () => SourceUnderTest): void {
  describe(name, () => {
    let under: SourceUnderTest
    let store: Store
    let published: ConfigSnapshot[]

    beforeEach(() => {
      under = make()
      under.declare('first', entry('first', 'first.example'))
      store = under.open()
      published = []
      store.snapshot.watch((snapshot) => published.push(snapshot))
    })
    afterEach(() => {
      store.close()
      under.cleanUp()
    })

    const hosts = (): readonly string[] =>
      store.snapshot.value.resources
        .of('ServiceEntry')
        .flatMap(({ spec }) => spec.hosts)
        .sort()

    it('begins with what is declared', () => {
      expect(hosts()).toEqual(['first.example'])
      expect(published).toHaveLength(1)
    })

    it('follows what comes, changes and goes', () => {
      under.declare('second', entry('second', 'second.example'))
      store.refresh()
      expect(hosts()).toEqual(['first.example', 'second.example'])
      under.declare('second', entry('second', 'other.example'))
      store.refresh()
      expect(hosts()).toEqual(['first.example', 'other.example'])
      under.withdraw('first')
      store.refresh()
      expect(hosts()).toEqual(['other.example'])
      expect(published).toHaveLength(4)
    })

    it('keeps what did not change as the same objects, and publishes nothing when nothing did', () => {
      const [first] = store.snapshot.value.resources.of('ServiceEntry')
      store.refresh()
      expect(published).toHaveLength(1)
      under.declare('second', entry('second', 'second.example'))
      store.refresh()
      expect(store.snapshot.value.resources.get('ServiceEntry', 'default', 'first')).toBe(first)
    })

    it('reads the settings of the mesh', () => {
      const mesh = (mode: string) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'istio-system', name: 'istio' },
        data: { mesh: `outboundTrafficPolicy:\n  mode: ${mode}\n` },
      })
      under.declare('mesh', mesh('REGISTRY_ONLY'))
      store.refresh()
      expect(store.snapshot.value.settings.mesh.outboundTrafficPolicy?.mode).toBe('REGISTRY_ONLY')
      under.declare('mesh', mesh('ALLOW_ANY'))
      store.refresh()
      expect(store.snapshot.value.settings.mesh.outboundTrafficPolicy?.mode).toBe('ALLOW_ANY')
    })

    it('goes on with the last good version of what is not valid any more, and says so', () => {
      under.declare('first', entry('first', 'not a host'))
      store.refresh()
      expect(hosts()).toEqual(['first.example'])
      expect(store.snapshot.value.issues.map(({ level }) => level)).toContain('error')
    })

    it('says of each resource where it stands', () => {
      const [first] = store.snapshot.value.resources.of('ServiceEntry')
      expect(first?.origin.source).toContain('first')
    })
  })
}

function entry(name: string, host: string): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { namespace: 'default', name },
    spec: { hosts: [host], ports: [{ number: 443, name: 'tls', protocol: 'TLS' }], resolution: 'DNS' },
  }
}
