// Generates src/xds/gen (JavaScript and declarations of the xDS messages) from proto/envoy.binpb; with --check it only says whether it is current.
// protoc is not needed: a plugin of protoc reads a CodeGeneratorRequest on its stdin, and a FileDescriptorSet has all that goes into one.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { base64Encode } from '@bufbuild/protobuf/wire'
import { FieldOptionsSchema, FileDescriptorSetSchema, MessageOptionsSchema } from '@bufbuild/protobuf/wkt'
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt/google/protobuf/compiler/plugin_pb.js'

const root = resolve(import.meta.dirname, '..')
const input = join(root, 'proto', 'envoy.binpb')
const output = join(root, 'src', 'xds', 'gen')
const descriptorTypes = `import type { DescFile, FileRegistry } from "@bufbuild/protobuf";
export declare function descriptorOf(name: string): DescFile;
export declare const allDescriptors: FileRegistry;
`

const stale = process.argv.includes('--check') ? differences(generate()) : write(generate())
if (stale.length > 0) {
  const shown = stale.slice(0, 10).map((line) => `  ${line}\n`)
  process.stderr.write(`src/xds/gen is not what proto/envoy.binpb gives:\n${shown.join('')}`)
  process.stderr.write(`${stale.length} files differ. Run \`node tools/gen-proto.mjs\` and commit the result.\n`)
  process.exitCode = 1
}

/** Path below src/xds/gen to text, for every file that is ours to generate. */
function generate() {
  const set = bare(fromBinary(FileDescriptorSetSchema, readFileSync(input)))
  const names = set.file.map((file) => file.name).filter((name) => !name.startsWith('google/protobuf/'))
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: names,
    parameter: 'target=js+dts,import_extension=js',
    protoFile: set.file,
  })
  const response = fromBinary(CodeGeneratorResponseSchema, runPlugin(toBinary(CodeGeneratorRequestSchema, request)))
  if (response.error) throw new Error(`protoc-gen-es refused proto/envoy.binpb: ${response.error}`)
  const files = response.file.map((file) => [file.name, file.name.endsWith('.js') ? withSharedRegistry(file) : file.content])
  return new Map([...files, ['descriptors.js', descriptors(set)], ['descriptors.d.ts', descriptorTypes]])
}

/**
 * What messages need at run time, and no more: options (validation rules, annotations, documentation of versions) are most of a set and are read by
 * nobody there. Two options change how bytes are read and stay.
 */
function bare(set) {
  const isAnnotation = (name) =>
    /^(validate|xds\/annotations|udpa\/annotations|envoy\/annotations)\/|^google\/protobuf\/descriptor\.proto$/.test(name)
  const wanted = reachable(set, (name) => !isAnnotation(name))
  const file = set.file.filter(({ name }) => wanted.has(name))
  for (const one of file) {
    const kept = one.dependency.filter((name) => !isAnnotation(name))
    // Positions in the list of dependencies, which has become shorter.
    one.publicDependency = one.publicDependency.map((at) => kept.indexOf(one.dependency[at])).filter((at) => at >= 0)
    one.weakDependency = []
    one.dependency = kept
    one.options = undefined
    one.service = []
    one.extension = []
    one.messageType.forEach(bareMessage)
    one.enumType.forEach(bareEnum)
  }
  return create(FileDescriptorSetSchema, { file })
}

/** What src/ imports, and what that needs: every file more is parsed at every start. */
function reachable(set, isWanted) {
  const byName = new Map(set.file.map((file) => [file.name, file]))
  const found = new Set()
  const visit = (name) => {
    if (found.has(name) || !isWanted(name)) return
    found.add(name)
    for (const dependency of byName.get(name)?.dependency ?? []) visit(dependency)
  }
  for (const name of importedBySource()) {
    if (!byName.has(name))
      throw new Error(`src/ imports the messages of ${name}, which proto/envoy.binpb does not have: add it to tools/descriptor-set.py`)
    visit(name)
  }
  return found
}

function importedBySource() {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.startsWith(output),
  )
  const names = sources.flatMap((entry) =>
    [...readFileSync(join(entry.parentPath, entry.name), 'utf8').matchAll(/\/gen\/([a-z0-9_/]+)_pb\.js'/g)].map(
      ([, name]) => `${name}.proto`,
    ),
  )
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : 1))
}

function bareMessage(message) {
  message.options = message.options?.mapEntry ? create(MessageOptionsSchema, { mapEntry: true }) : undefined
  for (const field of message.field) {
    const packed = field.options?.packed
    field.options = packed === undefined || packed === false ? undefined : create(FieldOptionsSchema, { packed })
    field.jsonName = ''
  }
  for (const oneof of message.oneofDecl) oneof.options = undefined
  message.extension = []
  message.nestedType.forEach(bareMessage)
  message.enumType.forEach(bareEnum)
}

function bareEnum(type) {
  type.options = undefined
  for (const value of type.value) value.options = undefined
}

/**
 * The plugin gives every file its own registry, and each of those walks all that the file imports: quadratic, and half a second at every start.
 * One registry for all files is built in one walk.
 */
function withSharedRegistry({ name, content }) {
  const proto = name.replace(/_pb\.js$/, '.proto')
  const up = '../'.repeat(name.split('/').length - 1)
  const text = content.replace(/ {2}fileDesc\("[^"]*"(?:, \[[^\]]*\])?\);/, `  descriptorOf(${JSON.stringify(proto)});`)
  if (text === content) throw new Error(`${name}: protoc-gen-es writes files in another way than expected`)
  return text
    .replace(/^import \{[^}]*\} from "[^"]*_pb\.js";\n/gm, '')
    .replace(/^import \{ file_[^}]*\} from "@bufbuild\/protobuf\/wkt";\n/gm, '')
    .replace(/^(import \{[^}]*)\bfileDesc, /m, '$1')
    .replace(/^import \{ fileDesc \} from .*\n/m, '')
    .replace(/^(\/\* eslint-disable \*\/\n\n)/m, `$1import { descriptorOf } from "${up}descriptors.js";\n`)
}

function descriptors(set) {
  const text = base64Encode(toBinary(FileDescriptorSetSchema, set), 'std_raw')
  return `// @generated from proto/envoy.binpb: the descriptors of all files, without their options, in one registry.
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from("${text}", "base64")));

export function descriptorOf(name) {
  return registry.getFile(name);
}

export const allDescriptors = registry;
`
}

function runPlugin(request) {
  const manifest = createRequire(import.meta.url).resolve('@bufbuild/protoc-gen-es/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  const plugin = join(dirname(manifest), bin['protoc-gen-es'])
  const run = spawnSync(process.execPath, [plugin], { input: request, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 })
  if (run.error) throw new Error('protoc-gen-es could not be run', { cause: run.error })
  if (run.status !== 0) throw new Error(`protoc-gen-es ended with ${run.status}: ${run.stderr}`)
  return run.stdout
}

function write(files) {
  rmSync(output, { recursive: true, force: true })
  for (const [name, text] of files) {
    const path = join(output, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  process.stdout.write(`src/xds/gen: ${files.size} files\n`)
  return []
}

function differences(files) {
  const present = existsSync(output) ? readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()) : []
  const extra = present
    .map((entry) => join(entry.parentPath, entry.name).slice(output.length + 1))
    .filter((name) => !files.has(name))
    .map((name) => `${name}: not generated any more`)
  const changed = [...files].flatMap(([name, text]) => {
    const path = join(output, name)
    if (!existsSync(path)) return [`${name}: missing`]
    return readFileSync(path, 'utf8') === text ? [] : [`${name}: changed`]
  })
  return [...changed, ...extra]
}
