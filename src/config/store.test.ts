// Holds that a store follows its files as they change, and that nothing which was good is lost by what is bad.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestClock } from '../base/index.ts'
import { type ConfigSnapshot, createStore, type Store, type StoreOptions } from './index.ts'

let root: string
let stores: Store[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
})

afterEach(() => {
  for (const store of stores) store.close()
  stores = []
  rmSync(root, { recursive: true, force: true })
})

function open(sources: readonly string[], options: StoreOptions = {}): Store {
  const store = createStore(sources, options)
  stores.push(store)
  return store
}

/** Without events and timers: it looks when it is told to. */
function openQuiet(sources: readonly string[] = [root]): Store {
  return open(sources, { pollMs: 0, clock: new TestClock(Date.now() + 60_000) })
}

/** Every exact look at it takes so long that a slice of work is over; otherwise it stands still, as the system's does while one event is dealt with. */
class CreepingClock extends TestClock {
  #looks = 0

  override exact(): number {
    return this.monotonic() + 5 * this.#looks++
  }
}

function entry(name: string, host = `${name}.test`, more = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: ${name}}\nspec: {hosts: [${host}]${more}}\n`
}

function write(name: string, ...documents: readonly string[]): void {
  writeFileSync(join(root, name), documents.join('---\n'))
}

function hosts(snapshot: ConfigSnapshot): string {
  return snapshot.resources
    .of('ServiceEntry')
    .flatMap(({ spec }) => spec.hosts)
    .join(' ')
}

function codes(snapshot: ConfigSnapshot): string {
  return snapshot.issues.map((issue) => issue.code).join(' ')
}

async function until(store: Store, holds: (snapshot: ConfigSnapshot) => boolean): Promise<ConfigSnapshot> {
  const deadline = Date.now() + 8000
  while (!holds(store.snapshot.value)) {
    if (Date.now() > deadline) throw new Error(`not reached: ${hosts(store.snapshot.value)} ${codes(store.snapshot.value)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return store.snapshot.value
}

describe('what has not changed keeps its identity', () => {
  test('a change of one document leaves the others as they are', () => {
    write('x.yaml', entry('a'), entry('b'))
    const store = openQuiet()
    const before = store.snapshot.value.resources.of('ServiceEntry')
    write('x.yaml', entry('a'), entry('b', 'other.test'))
    store.refresh()
    const after = store.snapshot.value.resources.of('ServiceEntry')
    expect(hosts(store.snapshot.value)).toBe('a.test other.test')
    expect(after[0]).toBe(before[0])
    expect(after[1]).not.toBe(before[1])
  })

  test('a document that only moves keeps what it says and gets another place', () => {
    write('x.yaml', entry('a'), entry('b'))
    const store = openQuiet()
    const [, before] = store.snapshot.value.resources.of('ServiceEntry')
    const line = before?.origin.line
    write('x.yaml', `# a comment\n${entry('a')}`, entry('b'))
    store.refresh()
    const [, after] = store.snapshot.value.resources.of('ServiceEntry')
    expect(after?.spec).toBe(before?.spec)
    expect(after?.meta).toBe(before?.meta)
    expect(after?.hash).toBe(before?.hash)
    expect([line, after?.origin.line]).toEqual([6, 7])
    expect(after?.origin.placeOf('spec.hosts[0]')).toEqual({ line: 10, column: 16 })
  })

  test('a document that moves to another file does too', () => {
    write('x.yaml', entry('a'), entry('b'))
    const store = openQuiet()
    const [, before] = store.snapshot.value.resources.of('ServiceEntry')
    write('x.yaml', entry('a'))
    write('y.yaml', entry('b'))
    store.refresh()
    const [, after] = store.snapshot.value.resources.of('ServiceEntry')
    expect(after?.spec).toBe(before?.spec)
    expect(after?.origin.source).toBe(join(root, 'y.yaml'))
  })

  test('nothing is published when nothing has changed', () => {
    write('x.yaml', entry('a', 'a.test', ', hots: [x]'), entry('b'))
    const store = openQuiet()
    const seen: ConfigSnapshot[] = []
    store.snapshot.watch((snapshot) => seen.push(snapshot))
    write('x.yaml', entry('a', 'a.test', ', hots: [x]'), entry('b'))
    store.refresh()
    store.refresh()
    expect(seen.length).toBe(1)
  })
})

describe('the last good version goes on', () => {
  const broken: Record<string, { readonly text: readonly string[]; readonly codes: string; readonly hosts?: string }> = {
    'when a document becomes invalid': { text: [entry('a', 'new.test', ', resolution: DSN'), entry('b')], codes: 'SLP1103 SLP1008' },
    'when one breaks a rule': { text: [entry('a', '"*"'), entry('b')], codes: 'IST0106 SLP1008' },
    'when the file is half written': { text: [entry('a'), entry('b').slice(0, -3)], codes: 'SLP1001 SLP1008' },
    'when a document has lost its name': { text: [entry('a').replace('{name: a}', '{}'), entry('b')], codes: 'SLP1110 SLP1008' },
    'when a kind is misspelt': { text: [entry('a').replace('ServiceEntry', 'ServiceEntri'), entry('b')], codes: 'SLP1111 SLP1008' },
    'when the file is not text any more': { text: ['\u0000'], codes: 'SLP1115 SLP1008' },
    'but what is good is taken': { text: [entry('a', '"*"'), entry('b', 'new.test')], codes: 'IST0106 SLP1008', hosts: 'a.test new.test' },
    'but a document that is gone is gone': { text: [entry('b')], codes: '', hosts: 'b.test' },
  }

  test.each(Object.entries(broken))('%s', (_title, change) => {
    write('x.yaml', entry('a'), entry('b'))
    const store = openQuiet()
    write('x.yaml', ...change.text)
    store.refresh()
    expect(codes(store.snapshot.value)).toBe(change.codes)
    expect(hosts(store.snapshot.value)).toBe(change.hosts ?? 'a.test b.test')
    write('x.yaml', entry('a', 'healed.test'), entry('b'))
    store.refresh()
    expect(codes(store.snapshot.value)).toBe('')
    expect(hosts(store.snapshot.value)).toBe('healed.test b.test')
  })

  test('and it is said since when', () => {
    const clock = new TestClock(new Date(2026, 0, 31, 9, 5, 7).getTime())
    write('x.yaml', entry('a'))
    const store = open([root], { pollMs: 0, clock })
    clock.advance(60_000)
    write('x.yaml', entry('a', '"*"'))
    store.refresh()
    expect(store.snapshot.value.issues.map(({ message, ref }) => `${ref?.name}: ${message}`)).toEqual([
      'a: invalid host *',
      'a: the new version is not valid: the version of 09:05:07 goes on',
    ])
  })

  test('also for the settings of the mesh', () => {
    write('mesh.yaml', 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n')
    const store = openQuiet()
    write('mesh.yaml', 'outboundTrafficPolicy: {mode: ALLOW_NAY}\n')
    store.refresh()
    expect(store.snapshot.value.settings.mesh.outboundTrafficPolicy?.mode).toBe('REGISTRY_ONLY')
    expect(codes(store.snapshot.value)).toBe('SLP1103 SLP1008')
    unlinkSync(join(root, 'mesh.yaml'))
    store.refresh()
    expect(store.snapshot.value.settings.mesh.outboundTrafficPolicy).toBeUndefined()
  })

  test('of the ConfigMap with the settings, when the text inside breaks', () => {
    const map = (mesh: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    ${mesh}\n`
    write('mesh.yaml', map('outboundTrafficPolicy: {mode: REGISTRY_ONLY}'))
    const store = openQuiet()
    write('mesh.yaml', map('outboundTrafficPolicy: {mode: [}'))
    store.refresh()
    expect(store.snapshot.value.settings.mesh.outboundTrafficPolicy?.mode).toBe('REGISTRY_ONLY')
    expect(store.snapshot.value.resources.of('ConfigMap').length).toBe(1)
    expect(codes(store.snapshot.value)).toBe('SLP1001 SLP1008')
  })

  test('of a policy that is not carried out, when it breaks', () => {
    const policy = (kind: string) => `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: {name: p}\nspec: {}\n`
    write('p.yaml', policy('AuthorizationPolicy'))
    const store = openQuiet()
    write('p.yaml', policy('AuthorizationPolicyy'))
    store.refresh()
    expect(store.snapshot.value.resources.governed?.map(({ kind }) => kind)).toEqual(['AuthorizationPolicy'])
  })

  test('of all that a source held, when it vanishes, until it comes back', () => {
    write('x.yaml', entry('a'))
    const store = openQuiet()
    renameSync(root, `${root}-away`)
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('a.test')
    expect(codes(store.snapshot.value)).toBe('SLP1007')
    renameSync(`${root}-away`, root)
    write('x.yaml', entry('a', 'back.test'))
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('back.test')
    expect(codes(store.snapshot.value)).toBe('')
  })

  test('of a file whose link leads nowhere for a while', () => {
    mkdirSync(join(root, 'data'))
    writeFileSync(join(root, 'data', 'x'), entry('a'))
    symlinkSync(join(root, 'data', 'x'), join(root, 'x.yaml'))
    const store = openQuiet()
    unlinkSync(join(root, 'data', 'x'))
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('a.test')
    expect(codes(store.snapshot.value)).toBe('SLP1006 SLP1008')
    unlinkSync(join(root, 'x.yaml'))
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('')
  })
})

test('of two that are the same the first by its file stays, and the other takes over when it goes', () => {
  write('1.yaml', entry('a', 'first.test'))
  write('2.yaml', entry('a', 'second.test'))
  const store = openQuiet()
  expect(hosts(store.snapshot.value)).toBe('first.test')
  expect(codes(store.snapshot.value)).toBe('SLP1113')
  unlinkSync(join(root, '1.yaml'))
  store.refresh()
  expect(hosts(store.snapshot.value)).toBe('second.test')
  expect(codes(store.snapshot.value)).toBe('')
})

describe('events of the file system', () => {
  test('a change is published', async () => {
    write('x.yaml', entry('a'))
    const store = open([root])
    write('x.yaml', entry('a', 'new.test'))
    await until(store, (snapshot) => hosts(snapshot) === 'new.test')
  })

  test('new files and directories, and files that go', async () => {
    const store = open([root])
    mkdirSync(join(root, 'team'))
    write('team/a.yaml', entry('a'))
    write('b.yaml', entry('b'))
    await until(store, (snapshot) => hosts(snapshot) === 'a.test b.test')
    unlinkSync(join(root, 'b.yaml'))
    await until(store, (snapshot) => hosts(snapshot) === 'a.test')
  })

  test('an editor that writes another file and renames it', async () => {
    write('x.yaml', entry('a'))
    const store = open([join(root, 'x.yaml')])
    for (const host of ['one.test', 'two.test']) {
      write('.x.yaml.swp', entry('a', host))
      renameSync(join(root, '.x.yaml.swp'), join(root, 'x.yaml'))
      await until(store, (snapshot) => hosts(snapshot) === host)
    }
  })

  test('a volume of Kubernetes, whose content is swapped by a link', async () => {
    const fill = (version: string, host: string) => {
      mkdirSync(join(root, version))
      writeFileSync(join(root, version, 'x.yaml'), entry('a', host))
      symlinkSync(version, join(root, '..data_tmp'))
      renameSync(join(root, '..data_tmp'), join(root, '..data'))
    }
    fill('..2026_1', 'one.test')
    symlinkSync(join('..data', 'x.yaml'), join(root, 'x.yaml'))
    const ofDirectory = open([root])
    const ofFile = open([join(root, 'x.yaml')])
    expect([hosts(ofDirectory.snapshot.value), hosts(ofFile.snapshot.value)]).toEqual(['one.test', 'one.test'])
    fill('..2026_2', 'two.test')
    await until(ofDirectory, (snapshot) => hosts(snapshot) === 'two.test')
    await until(ofFile, (snapshot) => hosts(snapshot) === 'two.test')
  })

  test('a directory that goes and comes back', async () => {
    const directory = join(root, 'policies')
    mkdirSync(directory)
    write('policies/x.yaml', entry('a'))
    const store = open([directory])
    rmSync(directory, { recursive: true })
    // Whether its files or itself were seen to go first: what it held is withdrawn or goes on, and it is looked for.
    await until(store, (snapshot) => codes(snapshot) === 'SLP1007' || codes(snapshot) === 'SLP1006')
    mkdirSync(directory)
    write('policies/x.yaml', entry('a', 'back.test'))
    await until(store, (snapshot) => hosts(snapshot) === 'back.test' && codes(snapshot) === '')
    write('policies/x.yaml', entry('a', 'again.test'))
    await until(store, (snapshot) => hosts(snapshot) === 'again.test')
  })

  test('a file that is emptied before it is written anew is not withdrawn in between', async () => {
    write('x.yaml', entry('a'))
    const store = open([root])
    const seen = new Set<string>()
    store.snapshot.watch((snapshot) => seen.add(hosts(snapshot)))
    writeFileSync(join(root, 'x.yaml'), '')
    store.refresh()
    write('x.yaml', entry('a', 'new.test'))
    await until(store, (snapshot) => hosts(snapshot) === 'new.test')
    expect(Array.from(seen)).toEqual(['a.test', 'new.test'])
  })

  test('a file that stays empty is empty', async () => {
    write('x.yaml', entry('a'))
    const store = open([root])
    writeFileSync(join(root, 'x.yaml'), '')
    await until(store, (snapshot) => hosts(snapshot) === '')
  })

  test('many changes in a row end in one last state', async () => {
    write('x.yaml', entry('a'))
    const store = open([root])
    for (let i = 0; i < 200; i++) write('x.yaml', entry('a', `h${i}.test`))
    await until(store, (snapshot) => hosts(snapshot) === 'h199.test')
  })

  test('a source that is not there yet is awaited', async () => {
    const store = open([join(root, 'late.yaml')])
    expect(codes(store.snapshot.value)).toBe('SLP1006')
    write('late.yaml', entry('a'))
    await until(store, (snapshot) => hosts(snapshot) === 'a.test' && codes(snapshot) === '')
  })

  test('how long quiet is awaited can be said', async () => {
    const clock = new TestClock(Date.now() + 60_000)
    write('x.yaml', entry('a'))
    const store = open([root], { clock, pollMs: 0, quietMs: 100, longestWaitMs: 250 })
    clock.advance(1000)
    write('x.yaml', entry('b'))
    await expect.poll(() => clock.pending).toBe(1)
    clock.advance(99)
    expect(hosts(store.snapshot.value)).toBe('a.test')
    clock.advance(1)
    await expect.poll(() => hosts(store.snapshot.value)).toBe('b.test')
  })

  test('without events the times of files tell', () => {
    const clock = new TestClock(Date.now() + 60_000)
    write('x.yaml', entry('a'))
    const store = open([root], { clock })
    write('x.yaml', entry('a', 'new.test'))
    clock.advance(2001)
    expect(hosts(store.snapshot.value)).toBe('new.test')
    store.close()
    expect(clock.pending).toBe(0)
  })

  test('what a look had found that was given up, at whatever step, is found by the next', async () => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    for (let steps = 0; steps < 12; steps++) {
      const clock = new CreepingClock(Date.now() + 60_000)
      write('x.yaml', entry('a'))
      const store = open([join(root, 'x.yaml'), root], { clock })
      write('x.yaml', entry('a', 'new.test'))
      clock.advance(2001)
      for (let step = 0; step < steps; step++) await turn()
      store.refresh()
      expect(hosts(store.snapshot.value), `given up after ${steps} steps`).toBe('new.test')
      store.close()
    }
  })

  test('the event loop has its turns while files are looked at, though the time of an event stands still', () => {
    const clock = new CreepingClock(Date.now() + 60_000)
    write('x.yaml', entry('a'))
    const store = open([root], { clock })
    write('x.yaml', entry('a', 'new.test'))
    clock.advance(2001)
    expect(hosts(store.snapshot.value), 'not in one piece').toBe('a.test')
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('new.test')
  })

  test('after it is closed nothing is published any more', () => {
    write('x.yaml', entry('a'))
    const store = openQuiet()
    store.close()
    write('x.yaml', entry('a', 'new.test'))
    store.refresh()
    expect(hosts(store.snapshot.value)).toBe('a.test')
  })
})
