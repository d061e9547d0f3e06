// Runs the bundled programs once in each role, and keeps what V8 compiled of them meanwhile beside them in dist/.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const declarations = resolve(import.meta.dirname, '../demo/declarations')
const entry = ['-f', join(declarations, 'd2iq-entry.yaml'), '--outbound', 'REGISTRY_ONLY']
const limitMs = 60_000
/** Appended to a launcher: V8 adds a function to the code when it is first called, so the code is taken at the end. */
const keeping = `
process.on('exit', () => {
  for (const { script, cache } of scripts) require('node:fs').writeFileSync(cache, script.createCachedData())
})
`

/** Resolves with the names of the files. Where a role cannot be played (there is no seal without namespaces) it has none, and starts later. */
export async function compile(dist, programs, isSameNode) {
  const wanted = programs.flatMap(cachesOf)
  if (isSameNode && wanted.every((name) => existsSync(join(dist, name)))) return wanted
  // In dist/, so that packages are found from there.
  const folder = mkdtempSync(join(dist, '.compiled-'))
  const place = mkdtempSync(join(tmpdir(), 'sallyport-build-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
    for (const { name, launcher, program, parts } of programs) {
      for (const file of [program, parts].filter(Boolean)) copyFileSync(join(dist, file), join(folder, file))
      writeFileSync(join(folder, `${name}.js`), `${launcher}${keeping}`)
    }
    await Promise.all(playsIn(place).map((play) => runOnce(join(folder, 'bin.js'), place, play)))
    const made = wanted.filter((name) => existsSync(join(folder, name)))
    for (const name of made) renameSync(join(folder, name), join(dist, name))
    const missing = wanted.filter((name) => !made.includes(name))
    if (missing.length > 0) process.stdout.write(`dist/: starts take longer without ${missing.join(', ')}\n`)
    return made
  } finally {
    for (const path of [folder, place]) rmSync(path, { recursive: true, force: true })
  }
}

function cachesOf({ program, parts, roles }) {
  const own = program.replace(/\.js$/, '.start.cache')
  return parts === undefined ? [own] : [own, ...[...roles, 'other'].map((role) => parts.replace(/\.js$/, `.${role}.cache`))]
}

/** Each until it says that it serves, or ends by itself. */
function playsIn(place) {
  const sockets = join(place, 'gateway')
  mkdirSync(sockets)
  return [
    { args: ['run', ...entry, '--', 'true'] },
    { args: ['explain', ...entry, 'http://d2iq.com/'] },
    { args: ['gateway', '-l', 'istio=egressgateway', '-f', join(declarations, 'd2iq-gateway.yaml'), '--sockets', sockets] },
    {
      args: ['serve', '--data', join(place, 'data'), '--listen', '127.0.0.1:0', '--xds', join(place, 'xds.sock')],
      until: 'configuration at',
    },
  ]
}

function runOnce(program, place, { args, until }) {
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...env, XDG_STATE_HOME: join(place, 'state') },
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
    if (until !== undefined && said.includes(until)) child.kill('SIGTERM')
  })
  child.on('message', () => child.disconnect())
  return new Promise((done) => child.on('error', done).on('exit', done))
}
