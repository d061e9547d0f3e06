// Holds both sources of configuration to one suite.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createObjectSource, createStore, type DeclaredObject, formatIssue } from './index.ts'
import { describeSource } from './source.conformance.ts'

describeSource('a directory of files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'source-'))
  return {
    declare: (name, document) => writeFileSync(join(directory, `${name}.yaml`), JSON.stringify(document)),
    withdraw: (name) => rmSync(join(directory, `${name}.yaml`)),
    open: () => createStore([directory], { pollMs: 0 }),
    cleanUp: () => rmSync(directory, { recursive: true }),
  }
})

describeSource('objects of an API', () => {
  const objects = new Map<string, DeclaredObject>()
  return {
    declare: (name, document) => void objects.set(name, { source: `objects ${name}`, value: () => document }),
    withdraw: (name) => void objects.delete(name),
    open: () => createObjectSource({ all: () => [...objects.values()], watch: () => () => undefined }, { quietMs: 20, longestWaitMs: 500 }),
    cleanUp: () => objects.clear(),
  }
})

test('an object of an API is its own place: it has no lines', () => {
  const spec = { hosts: ['redis.domain'], ports: [{ number: 6379, name: 'tcp', protocol: 'UDP' }], resolution: 'NONE' }
  const entry = { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { namespace: 'default', name: 'redis' }, spec }
  const source = 'serviceentries.networking.istio.io default/redis'
  const objects = [{ source, value: () => entry }]
  const store = createObjectSource({ all: () => objects, watch: () => () => undefined }, { quietMs: 20, longestWaitMs: 500 })
  const [issue] = store.snapshot.value.issues
  expect(issue && formatIssue(issue)).toContain(`--> ${source}   (spec.ports[0].protocol)`)
  const origin = store.snapshot.value.resources.of('ServiceEntry')[0]?.origin
  expect(origin).toMatchObject({ source, line: 0 })
  expect(origin?.placeOf('spec.hosts')).toEqual({ line: 0, column: 1 })
  expect(Array.from(origin?.fields?.() ?? [])).toEqual([])
  store.close()
})
