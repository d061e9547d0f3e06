// Holds that a line from files to decisions which remembers everything decides as one that begins anew, whatever was edited before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip, parseIp } from '../base/index.ts'
import { type ConfigSnapshot, createStore, readSources } from '../config/index.ts'
import type { ConnectionFacts, FirstBytes, NameFacts } from '../flow/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { type Compiled, compile, decide, decideRequest, type Runtime } from '../runtime/index.ts'
import { type Proxy, translate } from '../translate/index.ts'

const hosts = ['a.test', 'b.test', '*.test', '*.b.test', 'x.b.test']
const ports = [
  '{number: 80, name: http, protocol: HTTP}',
  '{number: 443, name: tls, protocol: TLS}',
  '{number: 443, name: https, protocol: HTTPS}',
  '{number: 7000, name: tcp, protocol: TCP}',
  '{number: 7001, name: any}',
]
const addresses = ['', 'addresses: [203.0.113.1]', 'addresses: [203.0.113.2]', 'addresses: [198.19.0.0/28]']
const resolutions = ['resolution: NONE', 'resolution: DNS', 'resolution: STATIC\n  endpoints: [{address: 203.0.113.9}]']

const entry = fc
  .record({
    host: fc.constantFrom(...hosts),
    ports: fc.uniqueArray(fc.constantFrom(...ports), { minLength: 1, maxLength: 3, selector: (port) => port.slice(0, 12) }),
    addresses: fc.constantFrom(...addresses),
    resolution: fc.constantFrom(...resolutions),
    exportTo: fc.constantFrom('', '', '', 'exportTo: ["."]', 'exportTo: [other]'),
  })
  .map(
    (e) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: ["${e.host}"]
  ports: [${e.ports.join(', ')}]
  ${e.addresses}
  ${e.exportTo}
  ${e.resolution}
`,
  )

const rule = fc.tuple(fc.constantFrom(...hosts), fc.constantFrom('a.test', 'b.test', 'gone.test'), fc.constantFrom(80, 443)).map(
  ([host, to, port]) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: default}
spec:
  hosts: ["${host}"]
  http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: ${to}, port: {number: ${port}}}}]}]
`,
)

const others = fc.constantFrom(
  'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: NAME, namespace: default}\nspec:\n  host: a.test\n  subsets: [{name: v1}]\n',
  'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: NAME, namespace: default}\nspec:\n  egress: [{hosts: ["./a.test"]}]\n',
  'kind: [broken\n',
  '# nothing\n',
  '# Grüße \u{1F44B}\n',
)

const document = fc.oneof({ weight: 6, arbitrary: entry }, { weight: 2, arbitrary: rule }, { weight: 1, arbitrary: others })
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

const targets = ['203.0.113.1', '203.0.113.2', '203.0.113.9', '198.19.0.3', '192.0.2.1', '240.240.1.1'].map(
  (text) => parseIp(text) ?? ('' as Ip),
)
const said: readonly (FirstBytes | undefined)[] = [
  undefined,
  { protocol: 'silent' },
  ...['a.test', 'b.test', 'x.b.test', 'y.test', 'nowhere.example'].flatMap((name): FirstBytes[] => [
    { protocol: 'tls', sni: name, alpn: [] },
    { protocol: 'http1', method: 'GET', target: '/', host: name },
  ]),
]
const names: NameFacts = (name) => ({
  addresses: [parseIp(name === 'a.test' ? '203.0.113.1' : '203.0.113.9') ?? ('' as Ip)],
  expires: Number.POSITIVE_INFINITY,
})

/** Everything that can be seen of a runtime from outside. */
function factsOf({ runtime, rejected }: Compiled): unknown {
  const decisions: unknown[] = []
  for (const port of [80, 443, 7000, 7001]) {
    for (const ip of targets) for (const first of said) decisions.push(seen(runtime, { ip, port }, first))
  }
  const reports = rejected.map(({ type, resource, message, path }) => `${type} ${resource} ${path} ${message}`).toSorted()
  const owners = targets.map((ip) => runtime.nameOfAddress(ip))
  const declared = ['a.test', 'b.test', 'x.b.test', 'y.test'].map((name) => runtime.declaredName(name))
  return { decisions, reports, owners, declared, policy: runtime.outboundPolicy, bound: runtime.boundListeners.map(({ name }) => name) }
}

function seen(runtime: Runtime, destination: ConnectionFacts['destination'], first: FirstBytes | undefined): unknown {
  const connection: ConnectionFacts = {
    kind: 'connection',
    source: { ip: destination.ip, port: 1 },
    destination,
    names,
    random: 0,
    ...(first && { first }),
  }
  const decision = decide(runtime, connection)
  if (decision.verdict !== 'http') return plain(decision)
  const authority = first?.protocol === 'http1' ? (first.host ?? '') : ''
  const ask = {
    kind: 'request',
    connection,
    method: 'GET',
    authority,
    scheme: 'http',
    headers: () => [],
    chance: () => 0,
    names,
    random: 0,
  } as const
  return ['/', '/a'].map((path) => plain(decideRequest(runtime, decision.manager, { ...ask, path })))
}

/** Without what only tells objects apart. */
function plain(decision: unknown): unknown {
  return JSON.parse(JSON.stringify(decision))
}
