// Runs the Pods of the server's own machine: admits what can be run, starts a process for each, and follows what becomes of the objects.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type NodeAdmission, ObjectWriter, objectOf, runnerOf } from '../apiserver/index.ts'
import { messageOf, SallyportError, timeText } from '../base/index.ts'
import { findKind, isJsonObject, type JsonObject, type KubeObject, StatusError } from '../kube/index.ts'
import { type ImageTable, type MachineFacts, parseImages, readPod, usualImages } from '../kubelet/index.ts'
import type { ObjectStore, Stored } from '../store/index.ts'
import { checkRootDirectory } from '../seal/index.ts'
import type { KeptLogs } from './kept-logs.ts'
import { endLeft } from './left-processes.ts'
import { PodProcess, type PodSurroundings } from './pod-process.ts'

export interface PodRunnerOptions {
  readonly node: string
  readonly address: string
  /** File of further images. */
  readonly images?: string
  /** Folder of the server. */
  readonly directory: string
  readonly kubeconfig: string
  readonly logs: KeptLogs
  readonly report: (error: unknown) => void
}

const programs = { bin: join(import.meta.dirname, 'bin.js') }
const directoryPrefix = 'sallyport-node-'
const stopSeconds = 10
const processAnnotation = 'sallyport.dev/process'

export class PodRunner {
  readonly #store: ObjectStore
  readonly #writer: ObjectWriter
  readonly #options: PodRunnerOptions
  readonly #machine: MachineFacts
  readonly #running = new Map<string, PodProcess>()
  readonly #applets = new Map<string, string>()
  readonly #stopWatching: () => void
  readonly #directory: string

  constructor(store: ObjectStore, options: PodRunnerOptions, machine: MachineFacts) {
    this.#store = store
    this.#options = options
    this.#machine = machine
    this.#writer = new ObjectWriter(store, Date.now)
    this.#directory = makeDirectoryOfPods(options.directory)
    const { items, revision } = store.list('pods')
    options.logs.keepOnly(new Set(items.map((stored) => podOf(stored)?.metadata.uid ?? '')))
    for (const stored of items) this.#take(stored, true)
    this.#stopWatching = store.watch(revision, ({ key, before, after }) => {
      if (key.resource !== 'pods') return
      if (after) this.#take(after)
      else if (before) this.#gone(before)
    })
  }

  async close(): Promise<void> {
    this.#stopWatching()
    await Promise.all(Array.from(this.#running.values(), (process) => process.stop(stopSeconds)))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #take(stored: Stored, mayBeLeft = false): void {
    const pod = podOf(stored)
    if (pod === undefined || runnerOf(pod) !== this.#options.node) return
    const { uid = '' } = pod.metadata
    const running = this.#running.get(uid)
    if (running) return running.changed(pod)
    if (isOver(pod)) return
    if (pod.metadata.deletionTimestamp !== undefined) {
      // The server that was to see its end was killed before.
      void endLeft(uid)
        .then(() => this.#remove(pod))
        .catch(this.#options.report)
      return
    }
    const { order, causes } = readPod(pod, this.#machine)
    if (order === undefined) {
      const message = causes.map(({ field, message: why }) => `${field}: ${why}`).join('; ')
      return this.#tell(pod, { type: 'Warning', reason: 'Failed', message: `Error: ${message}` })
    }
    const process = new PodProcess(pod, order, this.#around())
    this.#running.set(uid, process)
    if (!mayBeLeft) return process.start()
    void endLeft(uid)
      .then(() => process.start())
      .catch(this.#options.report)
  }

  #gone(stored: Stored): void {
    const uid = podOf(stored)?.metadata.uid ?? ''
    this.#running.get(uid)?.kill()
    this.#running.delete(uid)
    this.#options.logs.drop(uid)
  }

  #around(): PodSurroundings {
    const { node, address, kubeconfig, directory, report } = this.#options
    // What they were told last is of use to them until the server is back, and not to another server's.
    const state = ['--state-dir', join(this.#directory, 'state')]
    return {
      node,
      address,
      program: [process.execPath, programs.bin, 'run'],
      options: ['--join', '--kubeconfig', kubeconfig, '--node-name', node, '--hide', directory, '--hide', kubeconfig, ...state],
      logPath: (uid, run) => this.#options.logs.pathFor(uid, run),
      notesPath: (uid) => join(this.#directory, uid),
      appletsOf: (program) => this.#appletsOf(program),
      setStatus: (pod, status) => this.#setStatus(pod, status),
      tell: (pod, event) => this.#tell(pod, event),
      remove: (pod) => this.#remove(pod),
      report,
    }
  }

  /** A folder with a link for each name of the program. */
  #appletsOf(program: string): string {
    const known = this.#applets.get(program)
    if (known !== undefined) return known
    const path = findProgram(program) ?? program
    const directory = join(this.#directory, `names-${this.#applets.size}`)
    mkdirSync(directory, { mode: 0o755 })
    for (const name of execFileSync(path, ['--list'], { encoding: 'utf8', timeout: 10_000 }).split('\n'))
      if (/^[\w.[-]+$/.test(name)) symlinkSync(path, join(directory, name))
    this.#applets.set(program, directory)
    return directory
  }

  async #setStatus(pod: KubeObject, status: JsonObject): Promise<void> {
    const change = (before: KubeObject): { object: KubeObject; warnings: readonly string[] } => ({
      object: { ...before, status: { ...(isJsonObject(before['status']) ? before['status'] : {}), ...status } },
      warnings: [],
    })
    await unlessGone(this.#writer.change(targetOf(pod), change, { isDryRun: false, isStatus: true, manager: 'sallyport' }))
  }

  async #remove(pod: KubeObject): Promise<void> {
    const target = targetOf(pod)
    await unlessGone(this.#writer.delete(target, { uid: pod.metadata.uid ?? '' }, { isDryRun: false, graceSeconds: 0 }))
  }

  #tell(pod: KubeObject, event: { readonly type: string; readonly reason: string; readonly message: string }): void {
    void this.#writeEvent(pod, event).catch(this.#options.report)
  }

  /** One object for each kind of event of a Pod, which counts. */
  async #writeEvent(pod: KubeObject, { type, reason, message }: { type: string; reason: string; message: string }): Promise<void> {
    const resource = findKind('', 'Event')
    if (resource === undefined) return
    const { name = '', namespace = '', uid = '' } = pod.metadata
    const id = createHash('sha256').update(`${uid} ${reason}`).digest('hex').slice(0, 16)
    const target = { resource, version: 'v1', namespace, name: `${name}.${id}` }
    const at = timeText()
    const options = { isDryRun: false, manager: 'sallyport' }
    const stored = this.#store.get({ resource: 'events', namespace, name: target.name })
    if (stored !== undefined) {
      const counted = (before: KubeObject): { object: KubeObject; warnings: readonly string[] } => ({
        object: { ...before, message, lastTimestamp: at, count: Number(before['count'] ?? 0) + 1 },
        warnings: [],
      })
      await unlessGone(this.#writer.change(target, counted, { ...options, isStatus: false }))
      return
    }
    const event: KubeObject = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: target.name, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component: 'sallyport', host: this.#options.node },
    }
    await unlessGone(this.#writer.create(target, event, options))
  }
}

/** Reads what this machine has. Rejects a file of images that cannot be understood. `kept`: paths of which no Pod sees anything. */
export function machineFacts(images: string | undefined, kept: readonly string[]): MachineFacts {
  const uid = process.getuid?.() ?? 0
  return {
    images: images === undefined ? usualImages : readImages(images),
    uid,
    rootOf: (path) => checkRootDirectory(path, { uid, kept: [...kept, process.execPath, import.meta.dirname] }),
    hasProgram: (name) => findProgram(name) !== undefined,
    hasUser: (uid) => new RegExp(`^[^:]*:[^:]*:${uid}:`, 'm').test(readFileSync('/etc/passwd', 'utf8')),
  }
}

/** Gives a Pod that names no other node to this one, with what forbids it. */
export function nodeAdmission(node: string, machine: MachineFacts, logs: KeptLogs): NodeAdmission {
  const admit: NodeAdmission['admit'] = (pod) => {
    const spec = isJsonObject(pod['spec']) ? pod['spec'] : {}
    const wanted = spec['nodeName'] ?? ''
    if (pod.metadata.annotations?.[processAnnotation] !== undefined || (wanted !== '' && wanted !== node)) return undefined
    const { causes, warnings } = readPod(pod, machine)
    return { object: { ...pod, spec: { ...spec, nodeName: node } }, causes, warnings }
  }
  return { node, admit, keptLog: logs.find }
}

/** Pods of other users find the names of their programs below it, and nothing else. Of a server that was killed, the next one removes it. */
function makeDirectoryOfPods(directory: string): string {
  const note = join(directory, 'pods-directory')
  const last = existsSync(note) ? readFileSync(note, 'utf8') : ''
  if (basename(last).startsWith(directoryPrefix)) rmSync(last, { recursive: true, force: true })
  const made = mkdtempSync(join(tmpdir(), directoryPrefix))
  chmodSync(made, 0o711)
  writeFileSync(note, made, { mode: 0o600 })
  return made
}

function readImages(path: string): ImageTable {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SallyportError('SLP0004', `--images ${path}: ${messageOf(cause)}`, { cause })
  }
  const table = parseImages(text)
  if (table.ok) return table.value
  throw new SallyportError('SLP0008', `--images ${path}: ${table.error}`, { fix: 'write: myapp: {command: [/opt/myapp/bin/serve]}' })
}

function findProgram(name: string): string | undefined {
  if (name.startsWith('/')) return existsSync(name) ? name : undefined
  const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

function podOf(stored: Stored): KubeObject | undefined {
  const resource = findKind('', 'Pod')
  return resource && objectOf(stored, resource, 'v1')
}

function isOver(pod: KubeObject): boolean {
  const phase = isJsonObject(pod['status']) ? pod['status']['phase'] : undefined
  return phase === 'Succeeded' || phase === 'Failed'
}

function targetOf(pod: KubeObject): Parameters<ObjectWriter['change']>[0] {
  const resource = findKind('', 'Pod')
  if (resource === undefined) throw new SallyportError('SLP0001', 'Pods are not served')
  return { resource, version: 'v1', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name ?? '' }
}

/** Whoever has taken the Pod away has decided. */
async function unlessGone(writing: Promise<unknown>): Promise<void> {
  await writing.catch((error: unknown) => {
    if (!(error instanceof StatusError) || ![404, 409].includes(error.status.code)) throw error
  })
}
