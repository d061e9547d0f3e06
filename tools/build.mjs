// Bundles each program into dist/, one file for each, and keeps what V8 compiles of those that people start; does nothing when no input has changed.
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'

/** To a shell these are its first lines, too. Node's own code lies in large pages where a process stays: see docs/adr/0012. */
const beginsLarge = `#!/bin/sh
':' //; case "$1" in run|gateway|serve) exec node --use-largepages=silent "$0" "$@";; esac; exec node "$0" "$@"
`

// What people start is loaded by a launcher: see docs/adr/0014. Each file that a start reads costs a millisecond or two, each kilobyte of it something as well: so what
// the command line needs is apart from the rest, whose parts are asked for where the sources say `import()`.
const shipped = [
  {
    name: 'bin',
    source: 'src/main/bin.ts',
    beginning: beginsLarge,
    parts: 'parts',
    roles: ['run', 'gateway', 'serve'],
  },
  { name: 'seal-entry', source: 'src/seal/entry.ts', roles: [] },
]
const others = {
  demo: 'demo/main.ts',
  escape: 'tests/escape/main.ts',
  bench: 'bench/main.ts',
  fuzz: 'tests/fuzz/main.ts',
  'fuzz-worker': 'tests/fuzz/worker.ts',
  'bench-load': 'bench/load/main.ts',
  'test-outside': 'tests/support/outside.ts',
  'test-probe': 'tests/support/probe-client.ts',
  'test-origin': 'tests/support/origin.ts',
  'test-caller': 'tests/support/caller.ts',
  'test-attacker': 'tests/escape/attacker.ts',
  'test-weak-entry': 'tests/escape/weak-entry.ts',
}
const names = [...shipped.map(({ name }) => name), ...Object.keys(others)].join(', ')

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')
const stampPath = join(dist, '.inputs.json')
const launcherPath = 'tools/launcher.cjs'
const launcherText = readFileSync(join(root, launcherPath), 'utf8')
// What changes the result without being an input of the bundler.
const alwaysWatched = ['tools/build.mjs', 'tools/compiled-code.mjs', launcherPath, 'package.json', 'package-lock.json']
const stamp = existsSync(stampPath) ? JSON.parse(readFileSync(stampPath, 'utf8')) : undefined

const common = {
  absWorkingDir: root,
  // Flat, so that import.meta.dirname is dist/ in every bundled file, whatever chunk its code lands in.
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // Its binary is found next to it in node_modules.
  external: ['koffi', 'classic-level'],
  // Names stay, for stack traces; less text is read at every start.
  minifyWhitespace: true,
  sourcemap: 'linked',
  legalComments: 'none',
  write: false,
  metafile: true,
  logLevel: 'warning',
  // package.json says that no file has side effects; an import for its side effects only would be dropped in silence.
  logOverride: { 'ignored-bare-import': 'error' },
}
/** As a script, whose compiled code can be kept; all of it ASCII, so that a character is a byte in memory as well. */
const script = {
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname' },
  supported: { 'dynamic-import': false },
  charset: 'ascii',
}
const modules = {
  format: 'esm',
  splitting: true,
  chunkNames: 'test-chunk-[hash]',
  outExtension: { '.js': '.mjs' },
  // CommonJS packages ask for node's modules by `require`, which ESM has not. The alias cannot meet a name of a bundled file.
  banner: {
    js: "import { createRequire as sallyportCreateRequire } from 'node:module'; const require = sallyportCreateRequire(import.meta.url);",
  },
}

if (isCurrent()) process.stdout.write('dist/ is current\n')
else await report(build)

async function report(work) {
  const started = performance.now()
  try {
    const count = await work()
    process.stdout.write(`dist/: ${count} files in ${Math.round(performance.now() - started)} ms (${names})\n`)
  } catch (error) {
    // What is wrong with a source was already shown, with its place; a stack of the bundler's own would only hide it.
    if (!Array.isArray(error.errors)) throw error
    process.exitCode = 1
  }
}

function isCurrent() {
  if (process.argv.includes('--force') || stamp?.names !== names || stamp.node !== process.version) return false
  if (stamp.outputs.some((name) => !existsSync(join(dist, name)))) return false
  return Object.entries(stamp.inputs).every(([path, mark]) => markOf(path) === mark)
}

function markOf(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false })
  return stat ? `${stat.mtimeMs}:${stat.size}` : 'absent'
}

async function build() {
  const { build: bundle } = await import('esbuild') // costs more than the whole check above
  const marks = new Map()
  const make = (settings) => bundle({ ...common, ...settings, plugins: [marking(marks), ...(settings.plugins ?? [])] })
  mkdirSync(dist, { recursive: true })
  const [programs, { outputFiles }] = await Promise.all([
    Promise.all(shipped.map((program) => bundleShipped(make, program))),
    make({ ...modules, entryPoints: Object.entries(others).map(([out, source]) => ({ in: source, out })) }),
  ])
  const written = [
    ...programs.flatMap(({ files }) => files),
    ...outputFiles.map((file) => ({ name: basename(file.path), contents: file.contents })),
    ...Object.keys(others).map((name) => ({ name: `${name}.js`, contents: `import('./${name}.mjs')\n` })),
    // What is called .js here is CommonJS, which starts sooner than a module of ECMAScript.
    { name: 'package.json', contents: '{ "type": "commonjs" }\n' },
  ]
  for (const { name, contents } of written) replace(name, contents)
  const { compile } = await import('./compiled-code.mjs')
  const caches = await compile(dist, programs, stamp?.node === process.version)
  // Last, so that no program finds a launcher without what that names.
  for (const { name, launcher } of programs) replace(`${name}.js`, launcher, 0o755)
  const outputs = [...written.map(({ name }) => name), ...caches, ...programs.map(({ name }) => `${name}.js`)]
  const stale = readdirSync(dist).filter((name) => /\.(m?js|m?js\.map|cache)$/.test(name) && !outputs.includes(name))
  for (const name of stale) rmSync(join(dist, name))
  const inputs = Object.fromEntries([...marks, ...alwaysWatched.map((path) => [path, markOf(path)])])
  replace('.inputs.json', JSON.stringify({ names, node: process.version, outputs, inputs }))
  return outputs.length
}

async function bundleShipped(make, { name, source, beginning = '', parts, roles }) {
  const found = new Map()
  const main = await make({ ...script, entryPoints: [{ in: source, out: name }], plugins: parts === undefined ? [] : [cutting(found)] })
  const bundled = [nameByContents(main, name)]
  if (parts !== undefined) {
    const list = Array.from(found, ([id, path]) => `${JSON.stringify(id)}: () => require(${JSON.stringify(path)}),`)
    const rest = await make({
      ...script,
      stdin: { contents: `module.exports = {\n${list.join('\n')}\n}`, resolveDir: root },
      entryNames: parts,
    })
    refuseTwins(main, rest)
    bundled.push(nameByContents(rest, parts))
  }
  const [program, loaded] = bundled.map(({ file }) => file)
  const text = launcherText.replace('PROGRAMS', () => JSON.stringify({ program, parts: loaded, roles }))
  const launcher = `${beginning}${text}`
  return { name, launcher, program, parts: loaded, roles, files: bundled.flatMap(({ files }) => files) }
}

/** Of what is imported when it is needed nothing is bundled: the launcher is asked for it by a name. */
function cutting(found) {
  return {
    name: 'parts',
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined
        const source = `./${relative(root, resolve(resolveDir, path))}`
        found.set(`part:${source}`, source)
        return { path: `part:${source}`, external: true }
      })
    },
  }
}

/** A module in both would be there twice, and each with values of its own. Of constants that does not matter. */
function refuseTwins(main, rest) {
  const [own, other] = [main, rest].map(({ metafile }) => Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs)))
  const twins = own.filter((path) => other.includes(path) && path !== 'src/cli/exit-codes.ts')
  if (twins.length > 0) throw new Error(`what the command line needs and what its commands need share ${twins.join(', ')}`)
}

function nameByContents({ outputFiles }, name) {
  const [map, { contents, text }] = ['.js.map', '.js'].map((end) => outputFiles.find(({ path }) => path.endsWith(end)))
  if (contents.length !== text.length) throw new Error(`${name}.js is not ASCII: write characters of regular expressions as \\u escapes`)
  const body = text.replace(/\/\/# sourceMappingURL=.*\n?$/, '')
  const id = `${name}-${createHash('sha256').update(launcherText).update(body).digest('hex').slice(0, 16)}`
  const file = `${id}.js`
  return {
    file,
    files: [
      { name: file, contents: `${body}//# sourceMappingURL=${file}.map\n` },
      { name: `${file}.map`, contents: map.contents },
    ],
  }
}

/** Notes each input's mark before it is read, so that an edit during the build is seen as a change by the next one. */
function marking(marks) {
  return {
    name: 'marks',
    setup(builder) {
      builder.onLoad({ filter: /.*/ }, ({ path }) => {
        marks.set(relative(root, path), markOf(relative(root, path)))
        return undefined
      })
    },
  }
}

/** Never leaves half a file behind, and never changes one that a running program has open. */
function replace(name, contents, mode = 0o644) {
  const path = join(dist, name)
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, contents)
  chmodSync(fresh, mode)
  renameSync(fresh, path)
}
