// Holds the arrows between the rooms of src/: what imports what, by which door, and never in a circle.
import { expect, test } from 'vitest'
import { arrows, findTrespasses, type Plan, typeArrows } from './house/rooms.ts'
import { parseSource, readSources } from './house/sources.ts'

test('the rooms of src/ keep to the plan', () => {
  expect(findTrespasses(readSources('src'))).toEqual([])
})

test('the plan names only rooms that it knows, and has no circle', () => {
  const rooms = Object.keys(arrows)
  expect(
    Object.values(arrows)
      .flat()
      .filter((room) => !rooms.includes(room)),
  ).toEqual([])
  expect(Object.entries(typeArrows).flatMap(([from, tos]) => tos.filter((to) => !arrows[from]?.includes(to)))).toEqual([])
  const asFiles = rooms.map((room) =>
    parseSource(`src/${room}/x.ts`, (arrows[room] ?? []).map((to) => `import '../${to}/index.ts'`).join('\n')),
  )
  expect(findTrespasses(asFiles).filter((sentence) => sentence.startsWith('A cycle'))).toEqual([])
})

type Files = Readonly<Record<string, string>>

const kept: Record<string, Files> = {
  'an allowed arrow through the door': {
    'src/api/index.ts': "export * from './kinds.ts'",
    'src/api/kinds.ts': "import { Hostname } from '../base/index.ts'\nexport type Kinds = Hostname",
    'src/base/index.ts': "// The door.\nexport type { Hostname } from './hostname.ts'",
    'src/base/hostname.ts': 'export type Hostname = string',
  },
  'packages, node modules and our package.json': {
    'src/base/x.ts':
      "import { readFileSync } from 'node:fs'\nimport yaml from 'yaml'\nimport own from '../../package.json' with { type: 'json' }",
  },
  'main imports any room': { 'src/main/bin.ts': "import '../proxy/index.ts'\nimport '../translate/index.ts'" },
  'generated messages are imported directly': {
    'src/runtime/compile.ts': "import type { Listener } from '../xds/gen/envoy/config/listener/v3/listener_pb.js'",
    'src/xds/index.ts': "export type { Any } from './gen/envoy/any_pb.js'",
  },
  'a test uses its own room by the door': { 'src/api/kinds.test.ts': "import { kinds } from './index.ts'" },
  'types over an arrow for types': {
    'src/admin/a.ts': "import type { Model } from '../model/index.ts'",
    'src/admin/b.ts': "import { type Model } from '../model/index.ts'",
    'src/admin/c.ts': "type M = import('../model/index.ts').Model",
  },
  'imports that are only text': {
    'src/base/x.ts': "// import '../proxy/index.ts'\nconst s = `import '../proxy/index.ts'`\nconst r = /import '..\\/proxy'/",
  },
}

test.each(Object.entries(kept))('in order: %s', (_name, files) => {
  expect(judge(files)).toEqual([])
})

const broken: Record<string, { files: Files; says: readonly string[]; plan?: Plan }> = {
  'an arrow that the plan does not have': {
    files: { 'src/proxy/x.ts': "\nimport { kinds } from '../api/index.ts'" },
    says: ['src/proxy/x.ts:2 imports src/api/index.ts: proxy may not import api. It may import base, flow, runtime, telemetry, identity.'],
  },
  'the same for types only': {
    files: { 'src/base/x.ts': "import type { Kind } from '../api/index.ts'" },
    says: ['src/base/x.ts:1 imports src/api/index.ts: base may not import api. It may import nothing.'],
  },
  'the same for a type of an import': {
    files: { 'src/base/x.ts': "type K = import('../api/index.ts').Kind" },
    says: ['src/base/x.ts:1 imports src/api/index.ts: base may not import api. It may import nothing.'],
  },
  'the same for a re-export': {
    files: { 'src/base/x.ts': "export * from '../api/index.ts'" },
    says: ['src/base/x.ts:1 imports src/api/index.ts: base may not import api. It may import nothing.'],
  },
  'the same for a dynamic import': {
    files: { 'src/base/x.ts': "const api = await import('../api/index.ts')" },
    says: ['src/base/x.ts:1 imports src/api/index.ts: base may not import api. It may import nothing.'],
  },
  'the same for a test': {
    files: { 'src/runtime/x.test.ts': "import { translate } from '../translate/index.ts'" },
    says: ['src/runtime/x.test.ts:1 imports src/translate/index.ts: runtime may not import translate. It may import base, flow, xds.'],
  },
  'the same for generated messages': {
    files: { 'src/model/x.ts': "import type { L } from '../xds/gen/l_pb.js'" },
    says: ['src/model/x.ts:1 imports src/xds/gen/l_pb.js: model may not import xds. It may import base, api, registry.'],
  },
  'nothing imports main': {
    files: { 'src/cli/x.ts': "import { run } from '../main/index.ts'" },
    says: [
      'src/cli/x.ts:1 imports src/main/index.ts: cli may not import main. It may import base, api, flow, config, registry, model, analysis, translate, xds, runtime, intercept, admin, client, kube.',
    ],
  },
  'a value over an arrow for types': {
    files: { 'src/admin/x.ts': "import { type Model, build } from '../model/index.ts'" },
    says: ['src/admin/x.ts:1 imports src/model/index.ts: admin may import only types from model.'],
  },
  'a way in that is not the door': {
    files: { 'src/api/x.ts': "import { parse } from '../base/hostname.ts'" },
    says: ['src/api/x.ts:1 imports src/base/hostname.ts: another room is entered by its door, src/base/index.ts.'],
  },
  'the door of a folder inside another room': {
    files: { 'src/main/x.ts': "import { sniff } from '../proxy/sniff/index.ts'" },
    says: ['src/main/x.ts:1 imports src/proxy/sniff/index.ts: another room is entered by its door, src/proxy/index.ts.'],
  },
  'its own door': {
    files: { 'src/api/x.ts': "import { kinds } from './index.ts'" },
    says: ["src/api/x.ts:1 imports src/api/index.ts: inside a room siblings are imported directly, never by the room's own door."],
  },
  'its own door from a deeper folder': {
    files: { 'src/api/deep/x.ts': "import { kinds } from '../index.ts'" },
    says: ["src/api/deep/x.ts:1 imports src/api/index.ts: inside a room siblings are imported directly, never by the room's own door."],
  },
  'out of src': {
    files: { 'src/api/x.ts': "import { world } from '../../tests/support/world.ts'" },
    says: ['src/api/x.ts:1 imports tests/support/world.ts: sources import nothing outside the rooms of src/.'],
  },
  'a computed import': {
    files: { 'src/cli/x.ts': "const name = '../proxy/index.ts'\nawait import(name)" },
    says: ['src/cli/x.ts:2 imports a computed name: name the file, so that the arrows can be checked.'],
  },
  'an unknown room': {
    files: { 'src/util/x.ts': 'export {}' },
    says: ['src/util/x.ts is in a room that the plan does not know: add "util" and its arrows to tests/house/rooms.ts, or move the file.'],
  },
  'no room': { files: { 'src/x.ts': 'export {}' }, says: ['src/x.ts is in no room: every source file belongs to a folder of src/.'] },
  'a door with code of its own': {
    files: { 'src/api/index.ts': "export { a } from './a.ts'\nexport const b = 1" },
    says: ['src/api/index.ts:2: a door holds nothing but re-exports of its own room.'],
  },
  'a door that imports': {
    files: { 'src/api/index.ts': "import { a } from './a.ts'\nexport { a }" },
    says: [
      'src/api/index.ts:1: a door holds nothing but re-exports of its own room.',
      'src/api/index.ts:2: a door holds nothing but re-exports of its own room.',
    ],
  },
  'a door that hands on another room': {
    files: { 'src/api/index.ts': "export * from '../base/index.ts'" },
    says: ['src/api/index.ts:1: a door holds nothing but re-exports of its own room.'],
  },
  'a long door': {
    files: { 'src/api/index.ts': "export * from './a.ts'\n".repeat(41) },
    says: ['src/api/index.ts has 41 lines: a door has at most 40.'],
  },
  'a cycle among files, types included': {
    files: {
      'src/api/a.ts': "import { b } from './b.ts'",
      'src/api/b.ts': "import { c } from './c.ts'",
      'src/api/c.ts': "import type { A } from './a.ts'",
    },
    says: ['A cycle among files: src/api/a.ts → src/api/b.ts → src/api/c.ts → src/api/a.ts.'],
  },
  'a cycle among rooms': {
    files: { 'src/one/x.ts': "import '../two/index.ts'", 'src/two/y.ts': "import '../one/index.ts'" },
    plan: { one: ['two'], two: ['one'] },
    says: ['A cycle among rooms: one → two → one.'],
  },
}

test.each(Object.entries(broken))('found: %s', (_name, { files, says, plan }) => {
  expect(judge(files, plan)).toEqual(says)
})

test('a file that does not parse is not taken for one in order', () => {
  expect(() => parseSource('src/api/x.ts', 'import {')).toThrow('src/api/x.ts')
})

function judge(files: Files, plan?: Plan): readonly string[] {
  return findTrespasses(
    Object.entries(files).map(([path, text]) => parseSource(path, text)),
    plan,
  )
}
