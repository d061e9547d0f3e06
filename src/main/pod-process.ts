// Runs one Pod of the server's own machine: a sealed workload as a process of its own, which joins this server, again after each end as its restartPolicy has it.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { messageOf, timeText } from '../base/index.ts'
import { fieldAtPath, isJsonList, isJsonObject, type JsonObject, type KubeObject } from '../kube/index.ts'
import { type Ended, Restarts, type RunOrder, statusOf, type Progress } from '../kubelet/index.ts'

/** What one Pod needs of its surroundings. */
export interface PodSurroundings {
  readonly node: string
  readonly address: string
  /** Program and arguments of this program, up to the name of the command. */
  readonly program: readonly string[]
  /** Of `run`, for every Pod: how the server is reached, and what is hidden. */
  readonly options: readonly string[]
  /** A file of its own for what its process says. */
  readonly notesPath: (uid: string) => string
  /** A file for what its command writes last, in the run after so many others. */
  readonly logPath: (uid: string, run: number) => string
  /** Folder with the names of a program that has many. */
  readonly appletsOf: (program: string) => string
  readonly setStatus: (pod: KubeObject, status: JsonObject) => Promise<void>
  readonly tell: (
    pod: KubeObject,
    event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
  ) => void
  readonly remove: (pod: KubeObject) => Promise<void>
  readonly report: (error: unknown) => void
}

/** Beyond the grace of the command: what its process needs for itself. */
const lastMs = 10_000
const notesBytes = 64 * 1024
const shownBytes = 1000
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export class PodProcess {
  readonly #around: PodSurroundings
  readonly #order: RunOrder
  readonly #restarts: Restarts
  #pod: KubeObject
  #child: ChildProcess | undefined
  #count: number
  #timer: NodeJS.Timeout | undefined
  #isEnding = false
  #writing: Promise<void> = Promise.resolve()
  #last: Ended | undefined

  constructor(pod: KubeObject, order: RunOrder, around: PodSurroundings) {
    this.#pod = pod
    this.#order = order
    this.#around = around
    this.#restarts = new Restarts(order.restartPolicy)
    this.#count = restartsOf(pod)
  }

  start(): void {
    this.#tell({ is: 'waiting', reason: 'ContainerCreating', restarts: this.#count, ...this.#after() })
    // Its process reads the Pod as it is written now.
    void this.#writing.then(() => {
      if (!this.#isEnding) this.#tryStart()
    })
  }

  /** The Pod as somebody has changed it. */
  changed(pod: KubeObject): void {
    this.#pod = pod
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
    if (deletionTimestamp === undefined) return
    // Its process sees this as well, and ends the command; who does not end in time is ended here.
    this.end(deletionGracePeriodSeconds)
    if (this.#child === undefined) void this.#around.remove(pod).catch(this.#around.report)
  }

  /** Whoever has not ended some time after that is killed. */
  end(graceSeconds: number): void {
    this.#isEnding = true
    clearTimeout(this.#timer)
    if (this.#child === undefined) return
    this.#timer = setTimeout(() => this.#child?.kill('SIGKILL'), graceSeconds * 1000 + lastMs)
  }

  /** The server ends. Resolves when nothing of it runs any more. */
  async stop(graceSeconds: number): Promise<void> {
    this.end(graceSeconds)
    const child = this.#child
    if (child === undefined) return
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    child.kill('SIGTERM')
    await ended
    await this.#writing
  }

  /** The Pod is gone without having been asked to end. */
  kill(): void {
    this.#isEnding = true
    clearTimeout(this.#timer)
    this.#child?.kill('SIGKILL')
  }

  #tryStart(): void {
    try {
      this.#spawn()
    } catch (error) {
      // A word that no process can be given, or nothing left to start one with.
      const at = timeText()
      this.#ended({ exitCode: 128, startedAt: at, finishedAt: at, message: messageOf(error) })
    }
  }

  #spawn(): void {
    const { env, applets, holdsInput, cwd, rootfs } = this.#order
    const [program = '', ...first] = this.#around.program
    const uid = this.#pod.metadata.uid ?? ''
    const notes = openSync(this.#around.notesPath(uid), 'a', 0o600)
    ftruncateSync(notes)
    const startedAt = timeText()
    const names = applets === undefined ? [] : [this.#around.appletsOf(applets)]
    const variables = { PATH: [...names, systemPath].join(':'), HOME: rootfs === undefined ? (process.env['HOME'] ?? '/') : '/', ...env }
    let child: ChildProcess
    try {
      child = spawn(program, [...first, ...this.#arguments(names)], {
        // In a root directory of its own it is found there.
        cwd: rootfs === undefined ? cwd : '/',
        // What the Pod says is for its command, not for the sidecar.
        env: ownEnvironment(),
        stdio: [holdsInput ? 'pipe' : 'ignore', 'ignore', notes, 'pipe'],
        // A signal of the terminal is for the server, which ends it in its own way.
        detached: true,
      })
    } finally {
      closeSync(notes)
    }
    this.#child = child
    child.stdin?.on('error', () => undefined)
    writeVariables(child, variables)
    const trim = setInterval(() => trimNotes(this.#around.notesPath(uid)), lastMs).unref()
    let failure = ''
    child.on('error', (error) => (failure = messageOf(error)))
    child.once('close', (code, signal) => {
      clearInterval(trim)
      clearTimeout(this.#timer)
      this.#child = undefined
      const exitCode = failure !== '' ? 128 : (code ?? (signal === 'SIGKILL' ? 137 : 143))
      const message = failure || ([125, 126, 127].includes(exitCode) ? readNotes(this.#around.notesPath(uid)) : '')
      this.#ended({ exitCode, startedAt, finishedAt: timeText(), ...(message === '' ? {} : { message }) })
    })
  }

  #arguments(applets: readonly string[]): readonly string[] {
    const { metadata } = this.#pod
    const { user, publish, serviceAccount, command, rootfs, cwd } = this.#order
    return [
      ...this.#around.options,
      '--pod-uid',
      metadata.uid ?? '',
      '-n',
      metadata.namespace ?? 'default',
      '--name',
      metadata.name ?? '',
      '--sa',
      serviceAccount,
      ...Object.entries(metadata.labels ?? {}).flatMap(([name, value]) => ['-l', `${name}=${value}`]),
      ...publish.flatMap((port) => ['--publish', port]),
      ...applets.flatMap((path) => ['--read-only', path]),
      '--log-file',
      this.#around.logPath(metadata.uid ?? '', this.#count),
      ...(user === undefined ? [] : ['--user', String(user)]),
      ...(rootfs === undefined ? [] : ['--rootfs', `${rootfs.path}:${rootfs.isWritable ? 'rw' : 'ro'}`, '--workdir', cwd]),
      '--env-fd',
      '3',
      '--',
      ...command,
    ]
  }

  #ended(ended: Ended): void {
    this.#last = ended
    const ranMs = Date.parse(ended.finishedAt) - Date.parse(ended.startedAt)
    const next = this.#restarts.ended(ended.exitCode, ranMs)
    if (this.#pod.metadata.deletionTimestamp !== undefined) return void this.#around.remove(this.#pod).catch(this.#around.report)
    if (next.is === 'over') return this.#tell({ is: 'over', phase: next.phase, after: ended, restarts: this.#count })
    if (this.#isEnding) return
    this.#count++
    if (next.afterMs === 0) return this.start()
    const { container } = this.#order
    const { name = '', namespace = '', uid = '' } = this.#pod.metadata
    const message = `back-off ${Math.round(next.afterMs / 1000)}s restarting failed container=${container} pod=${name}_${namespace}(${uid})`
    this.#tell({ is: 'waiting', reason: 'CrashLoopBackOff', message, restarts: this.#count, after: ended })
    this.#around.tell(this.#pod, {
      type: 'Warning',
      reason: 'BackOff',
      message: `Back-off restarting failed container ${container} in pod ${name}_${namespace}(${uid})`,
    })
    this.#timer = setTimeout(() => this.start(), next.afterMs)
  }

  #after(): { readonly after?: Ended } {
    return this.#last === undefined ? {} : { after: this.#last }
  }

  /** One after the other: the last one counts. */
  #tell(progress: Progress): void {
    const { container, image } = this.#order
    const { address, setStatus, report } = this.#around
    this.#writing = this.#writing
      .then(() => setStatus(this.#pod, statusOf(this.#pod, progress, { container, image, address, now: timeText() })))
      .catch(report)
  }
}

/** One more than before: it is started again. */
function restartsOf(pod: KubeObject): number {
  const known = fieldAtPath(pod, ['status', 'containerStatuses'])
  const [first] = isJsonList(known) ? known.filter(isJsonObject) : []
  const count = first?.['restartCount']
  return typeof count === 'number' ? count + 1 : 0
}

/** The sidecar's own: what finds its folders, and nothing that would load code into it. */
function ownEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'XDG_STATE_HOME', 'LANG', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(kept)
}

function writeVariables(child: ChildProcess, variables: Readonly<Record<string, string>>): void {
  const stream: Writable | undefined = [child.stdio[3]].find((one): one is Writable => one instanceof Object && 'write' in one)
  stream?.on('error', () => undefined)
  stream?.end(JSON.stringify(variables))
}

/** What a command says to standard error goes there as well, without end. */
function trimNotes(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size <= notesBytes) return
  const fd = openSync(path, 'r+')
  ftruncateSync(fd)
  closeSync(fd)
}

function readNotes(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-shownBytes).trim()
  } catch {
    // It is one sentence less.
    return ''
  }
}
