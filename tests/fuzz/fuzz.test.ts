// Holds that the fuzzers find nothing in the parsers as they are, that they do find a bug where there is one, and that what was once found stays mended.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCorpus } from './corpus.ts'
import { fuzz, type FuzzResult } from './engine.ts'
import { type SeededBug, seededBugs } from './seeded-bugs.ts'
import type { FuzzTarget } from './target.ts'
import { targets } from './targets.ts'

const root = resolve(import.meta.dirname, '..', '..')
let folder = ''

beforeAll(() => {
  // Inside the repository, so that packages are found.
  mkdirSync(join(root, '.cache'), { recursive: true })
  folder = mkdtempSync(join(root, '.cache', 'seeded-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(target: FuzzTarget, executions: number): Promise<FuzzResult> {
  return fuzz({ target, seeds: readCorpus(target.name), seed: 1, goOn: (count) => count < executions })
}

describe('the kept inputs and some more', () => {
  it.each(targets)('break nothing in $name', async (target) => {
    const { finding } = await run(target, readCorpus(target.name).length + 2000)
    expect(finding?.words).toBeUndefined()
  })
})

describe('a parser in which', () => {
  it.each(seededBugs)('$what is found out ($target)', async (bug) => {
    const target = await targetWith(bug)
    expect((await run(target, 200_000)).finding?.words).toBeTypeOf('string')
  })
})

/** A CI machine takes a minute for each. */
const seconds = process.env['FUZZ_SECONDS'] ?? '1'

it('all fuzzers run on all processors and report what they did', { timeout: 60_000 + Number(seconds) * 12_000 }, () => {
  execFileSync(process.execPath, ['tools/build.mjs'], { cwd: root })
  const said = execFileSync(process.execPath, ['dist/fuzz.js'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, FUZZ_SECONDS: seconds },
  })
  for (const { name } of targets) expect(said).toMatch(new RegExp(`^${name}: [1-9][0-9]* executions in `, 'm'))
})

/** The fuzzer, bundled around a parser with the bug. */
async function targetWith(bug: SeededBug): Promise<FuzzTarget> {
  const { outputFiles } = await build({
    stdin: { contents: "export { targets } from './tests/fuzz/targets.ts'", resolveDir: root, loader: 'ts' },
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    write: false,
    plugins: [planting(bug)],
  })
  const path = join(folder, `${seededBugs.indexOf(bug)}.mjs`)
  writeFileSync(path, outputFiles[0]?.contents ?? '')
  const { targets: planted } = (await import(pathToFileURL(path).href)) as { targets: readonly FuzzTarget[] }
  const target = planted.find(({ name }) => name === bug.target)
  if (!target) throw new Error(`no fuzzer is called ${bug.target}`)
  return target
}

function planting({ file, from, to }: SeededBug): Plugin {
  return {
    name: 'bug',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(root, file)) return undefined
        const text = readFileSync(path, 'utf8')
        // A parser that was written anew needs its bug written anew.
        if (text.split(from).length < 2) throw new Error(`${file} does not hold: ${from}`)
        return { contents: text.replaceAll(from, to), loader: 'ts' }
      })
    },
  }
}
