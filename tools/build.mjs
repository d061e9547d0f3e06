// Bundles each program into dist/, so that starting one reads a handful of files instead of some hundred; does nothing when no input has changed.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

// Every program, by the name of its file in dist/. Only programs of one group share chunks: each file that a start reads costs a millisecond or two,
// and what our own tests would split off is no reason for the programs that people start.
const groups = [
  [{ name: 'bin', source: 'src/main/bin.ts', executable: true }],
  [{ name: 'seal-entry', source: 'src/seal/entry.ts' }],
  [
    { name: 'demo', source: 'demo/main.ts' },
    { name: 'escape', source: 'tests/escape/main.ts' },
    { name: 'bench', source: 'bench/main.ts' },
    { name: 'fuzz', source: 'tests/fuzz/main.ts' },
    { name: 'fuzz-worker', source: 'tests/fuzz/worker.ts' },
    { name: 'bench-load', source: 'bench/load/main.ts' },
    { name: 'test-outside', source: 'tests/support/outside.ts' },
    { name: 'test-probe', source: 'tests/support/probe-client.ts' },
    { name: 'test-origin', source: 'tests/support/origin.ts' },
    { name: 'test-caller', source: 'tests/support/caller.ts' },
    { name: 'test-attacker', source: 'tests/escape/attacker.ts' },
    { name: 'test-weak-entry', source: 'tests/escape/weak-entry.ts' },
  ],
]
const entries = groups.flat()

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')
const stampPath = join(dist, '.inputs.json')
// What changes the result without being an input of the bundler.
const alwaysWatched = ['tools/build.mjs', 'package.json', 'package-lock.json']
// CommonJS packages ask for node's modules by `require`, which ESM has not. The alias cannot meet a name of a bundled file.
const requireForPackages =
  "import { createRequire as sallyportCreateRequire } from 'node:module'; const require = sallyportCreateRequire(import.meta.url);"

if (isCurrent()) process.stdout.write('dist/ is current\n')
else await report(build)

async function report(work) {
  const started = performance.now()
  try {
    const count = await work()
    const names = entries.map((entry) => entry.name).join(', ')
    process.stdout.write(`dist/: ${count} files in ${Math.round(performance.now() - started)} ms (${names})\n`)
  } catch (error) {
    // What is wrong with a source was already shown, with its place; a stack of the bundler's own would only hide it.
    if (!Array.isArray(error.errors)) throw error
    process.exitCode = 1
  }
}

function isCurrent() {
  if (process.argv.includes('--force') || !existsSync(stampPath)) return false
  const stamp = JSON.parse(readFileSync(stampPath, 'utf8'))
  if (stamp.entries !== entries.map((entry) => entry.name).join()) return false
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
  const results = await Promise.all(groups.map((group) => bundle(settingsOf(group, marks))))
  return write(
    results.flatMap(({ outputFiles }) => outputFiles),
    marks,
  )
}

function settingsOf(group, marks) {
  return {
    absWorkingDir: root,
    entryPoints: group.map((entry) => ({ in: entry.source, out: entry.name })),
    outdir: 'dist',
    // Flat, so that import.meta.dirname is dist/ in every bundled file, whatever chunk its code lands in.
    // What is published is chosen by name: nothing of the tests.
    chunkNames: group === groups[0] ? 'chunk-[hash]' : 'test-chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // Its binary is found next to it in node_modules.
    external: ['koffi', 'classic-level'],
    banner: { js: requireForPackages },
    // Names stay, for stack traces; less text is read at every start.
    minifyWhitespace: true,
    sourcemap: 'linked',
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
    // package.json says that no file has side effects; an import for its side effects only would be dropped in silence.
    logOverride: { 'ignored-bare-import': 'error' },
    plugins: [marking(marks)],
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

function write(outputFiles, marks) {
  mkdirSync(dist, { recursive: true })
  const programs = entries.filter((entry) => entry.executable).map((entry) => `${entry.name}.js`)
  const written = outputFiles.map((file) => {
    const name = relative(dist, file.path)
    if (programs.includes(name)) replace(name, withInterpreter(file.text), 0o755)
    else if (programs.includes(name.replace(/\.map$/, ''))) replace(name, withOneLineMore(file.text), 0o644)
    else replace(name, file.contents, 0o644)
    return name
  })
  // Last, so that a program which runs during the build finds the chunks it knows for as long as possible.
  const stale = readdirSync(dist).filter((name) => /\.js(\.map)?$/.test(name) && !written.includes(name))
  for (const name of stale) rmSync(join(dist, name))
  const inputs = Object.fromEntries([...marks, ...alwaysWatched.map((path) => [path, markOf(path)])])
  replace('.inputs.json', JSON.stringify({ entries: entries.map((entry) => entry.name).join(), outputs: written, inputs }), 0o644)
  return written.length
}

/** Never leaves half a file behind, and never changes one that a running program has open. */
function replace(name, contents, mode) {
  const path = join(dist, name)
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, contents)
  chmodSync(fresh, mode)
  renameSync(fresh, path)
}

function withInterpreter(text) {
  // Node's own code in large pages, where the kernel gives any: see docs/adr/0012.
  return `#!/usr/bin/env -S node --use-largepages=silent\n${text}`
}

function withOneLineMore(sourceMap) {
  const map = JSON.parse(sourceMap)
  return JSON.stringify({ ...map, mappings: `;${map.mappings}` })
}
