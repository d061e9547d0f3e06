// Holds both sources of configuration to one suite.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createObjectSource, createStore, type DeclaredObject } from './index.ts'
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
    declare: (name, document) => void objects.set(name, { source: `objects ${name}`, text: () => JSON.stringify(document) }),
    withdraw: (name) => void objects.delete(name),
    open: () => createObjectSource({ all: () => [...objects.values()], watch: () => () => undefined }, { quietMs: 20, longestWaitMs: 500 }),
    cleanUp: () => objects.clear(),
  }
})
