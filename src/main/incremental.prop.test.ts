// Holds that a line from files to decisions which remembers everything decides as one that begins anew, whatever was edited before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConfigSnapshot, createStore, readSources } from '../config/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { compile, type Runtime } from '../runtime/index.ts'
import { type Proxy, translate } from '../translate/index.ts'
import { document, factsOf } from './line.test-kit.ts'

const edit = fc.record({
  file: fc.constantFrom(0, 1),
  at: fc.nat({ max: 5 }),
  /** Absent: the document goes. */
  document: fc.option(document, { nil: undefined, freq: 5 }),
  /** What the file begins with. */
  head: fc.constantFrom('', '', '# a line more\n\n', '# ein Grüßlein\n', '\uFEFF'),
})

test.each(['sidecar', 'gateway'] as const)(
  'a %s decides the same after any edits as after a start',
  (role) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-line-'))
    try {
      fc.assert(
        fc.property(fc.array(edit, { minLength: 2, maxLength: 8 }), (edits) => {
          const line = new Line(folder, role)
          try {
            for (const one of edits) line.edit(one)
          } finally {
            line.close()
          }
        }),
        { numRuns: 12 },
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
  30_000,
)

type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never

class Line {
  readonly #folder: string
  readonly #proxy: Proxy
  readonly #texts: (string | undefined)[][] = [[], []]
  readonly #store: ReturnType<typeof createStore>
  #model: Model | undefined
  #runtime: Runtime | undefined

  constructor(folder: string, role: Proxy['role']) {
    this.#folder = folder
    this.#proxy = { role, namespace: 'default', name: 'app', labels: { istio: 'egressgateway' } }
    for (const file of [0, 1]) this.#write(file, '')
    this.#store = createStore([folder], { ...options, pollMs: 0 })
  }

  edit({ file, at, document: text, head }: Edit): void {
    const texts = this.#texts[file] ?? []
    texts[at] = text?.replace('NAME', `n${file}-${at}`)
    this.#write(file, head)
    this.#store.refresh()
    const now = this.#run(this.#store.snapshot.value)
    const config = readSources([this.#folder], options)
    // While a document is not valid its last version goes on, which a start cannot know.
    if (config.issues.some(({ level, code }) => level === 'error' && !code.startsWith('SLP12'))) return
    const fresh = runLine(config, { ...this.#proxy })
    expect(factsOf(now.compiled)).toEqual(factsOf(fresh.compiled))
    expect(issuesOf(this.#store.snapshot.value)).toEqual(issuesOf(config))
  }

  close(): void {
    this.#store.close()
  }

  #run(config: ConfigSnapshot) {
    const now = runLine(config, this.#proxy, this.#model, this.#runtime)
    this.#model = now.model
    this.#runtime = now.compiled.runtime
    return now
  }

  #write(file: number, head: string): void {
    // An emptied file could be one that is just being written. Of one with many documents only what differs is read.
    const others = Array.from(
      { length: file === 0 ? 1 : 10 },
      (_, i) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: of-file-${file}-${i}} # naïve\n`,
    )
    const half = others.length >> 1
    const documents = [...others.slice(half), ...(this.#texts[file] ?? []).filter((text) => text !== undefined), ...others.slice(0, half)]
    writeFileSync(join(this.#folder, `${file}.yaml`), `${head}${documents.join('---\n')}`)
  }
}

const options = { outboundPolicy: 'REGISTRY_ONLY' } as const

function runLine(config: ConfigSnapshot, proxy: Proxy, before?: Model, runtime?: Runtime) {
  const model = buildModel(config.resources, config.settings, before)
  return { model, compiled: compile(translate(model, proxy).snapshot, { addresses: [] }, runtime) }
}

function issuesOf(config: ConfigSnapshot): string[] {
  return config.issues.map(({ code, message, place }) => `${code} ${place?.line} ${message}`)
}
