// Writes docs/reference from the tables in the sources; a test holds that the pages are current.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const folder = join(root, 'docs', 'reference')

const { referencePages } = await load('tools/reference.ts')
const pages = Object.entries(referencePages())
const stale = pages.filter(([name, text]) => textOf(name) !== text)
mkdirSync(folder, { recursive: true })
for (const [name, text] of stale) writeFileSync(join(folder, name), text)
process.stdout.write(`docs/reference: ${stale.length} of ${pages.length} pages written\n`)

function textOf(name) {
  const path = join(folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** Node 20 runs no TypeScript, so the file is bundled first, to where packages are found from. */
async function load(path) {
  const outfile = join(root, '.cache', 'reference.mjs')
  const entry = { absWorkingDir: root, entryPoints: [path], bundle: true, packages: 'external', outfile }
  await build({ ...entry, format: 'esm', platform: 'node', logLevel: 'warning' })
  return import(pathToFileURL(outfile).href)
}
