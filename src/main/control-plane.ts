// Composes the control side in one process: files become declarations, a model, a snapshot, and the runtime that traffic is judged by.
import type { ConfigView } from '../admin/index.ts'
import { analyzing } from '../analysis/index.ts'
import type { Issue } from '../api/index.ts'
import { type Steps, Watchable } from '../base/index.ts'
import type { PolicyOptions } from '../cli/index.ts'
import { type ConfigSnapshot, createStore } from '../config/index.ts'
import { type AccessLogPlan, buildModel, type Model, type SynthesisedGateway } from '../model/index.ts'
import { compilingRuntime, type Rejection, type Runtime } from '../runtime/index.ts'
import type { ConfigPublished } from '../telemetry/index.ts'
import { type Proxy, type Translation, translating } from '../translate/index.ts'
import { ConfigVersion, countResources } from './config-version.ts'
import { type Control, Handover, nodeFacts, putInForce } from './control.ts'
import type { IdentitySource } from './identity-source.ts'
import { issueReporter } from './issue-reporter.ts'
import { Line } from './line.ts'
import { readSecret } from './secret-reader.ts'

export interface ControlOptions {
  readonly policy: PolicyOptions
  readonly proxy: Proxy
  /** Folder of the Unix sockets of gateways that the files speak of but do not contain. */
  readonly sockets?: string
  readonly identity: IdentitySource
  /** Say nothing of issues: another process reads the same files and says it. */
  readonly quiet?: boolean
}

/** What is understood and not carried out counts: what it governs is denied, and the rest works. */
const refusedAsTraffic: ReadonlySet<Issue['code']> = new Set(['SLP1201', 'SLP1204'])

export function startControl(options: ControlOptions): Control {
  const { policy, identity } = options
  const store = createStore(policy.files, {
    ...(policy.outbound === undefined ? {} : { outboundPolicy: policy.outbound }),
    ...(policy.strictness === undefined ? {} : { strictness: policy.strictness }),
  })
  const runtime = new Watchable<Runtime | undefined>(undefined)
  const synthesised = new Watchable<readonly SynthesisedGateway[]>([])
  const accessLogs = new Watchable<readonly AccessLogPlan[]>([])
  const report = issueReporter(options.quiet === true)
  const version = new ConfigVersion()
  let model: Model | undefined
  let view: ConfigView | undefined
  let published: ConfigPublished | undefined
  let inForce: Translation['snapshot'] | undefined
  const handover = new Handover()
  function* applying(config: ConfigSnapshot): Steps<Steps<void> | undefined> {
    const began = performance.now()
    const now = buildModel(config.resources, config.settings, model)
    model = now
    yield
    const translated = yield* translating(
      now,
      options.proxy,
      options.sockets === undefined ? {} : { embeddedGateway: { socketDirectory: options.sockets } },
    )
    yield
    if (runtime.value !== undefined && identity.holdsBack(translated.snapshot, () => line.take(store.snapshot.value))) return undefined
    const compiled = yield* compilingRuntime(translated.snapshot, nodeFacts(), runtime.value)
    synthesised.set(now.synthesised)
    accessLogs.set(now.accessLogsOf(options.proxy))
    putInForce(runtime, compiled.runtime, options.quiet === true)
    inForce = translated.snapshot
    identity.follow(inForce)
    const durationMs = performance.now() - began
    return telling({ config, model: now, translated, rejecting: compiled.rejecting, durationMs })
  }
  function* telling({ config, model: now, translated, rejecting, durationMs }: InForce): Steps<void> {
    const rejected = yield* rejecting
    yield
    const found = options.quiet === true ? [] : yield* analyzing(now)
    yield
    report({ issues: options.quiet === true ? [] : [config.issues, translated.issues, found], rejected })
    yield
    published = { ...countsOf(config), version: version.of(config.resources), rejections: rejected.length, durationMs }
    view = { snapshot: translated.snapshot, version: published.version, updated: Date.now(), rejected }
    handover.tell(published, translated.snapshot)
  }
  const line = new Line(applying)
  const stop = store.snapshot.watch((config) => line.take(config))
  identity.watch(() => handover.again())
  return {
    runtime,
    synthesised,
    accessLogs,
    settings: () => store.snapshot.value.settings,
    errors: () => errorsOf(store.snapshot.value),
    view: () => view,
    discovery: () => undefined,
    secret: (name) => identity.secret(name) ?? secretIn(inForce, name),
    secretsReady: () => identity.ready(),
    async handOver(take) {
      await identity.ready()
      await handover.begin(async (snapshot) => take(identity.completed(snapshot)), inForce)
    },
    published: () => published,
    async close() {
      stop()
      line.close()
      store.close()
      identity.close()
    },
  }
}

/** A configuration that traffic is judged by, of which nobody has been told. */
interface InForce {
  readonly config: ConfigSnapshot
  readonly model: Model
  readonly translated: Translation
  readonly rejecting: Steps<readonly Rejection[]>
  readonly durationMs: number
}

/** Of those that declarations name. */
function secretIn(snapshot: Translation['snapshot'] | undefined, name: string): ReturnType<Control['secret']> {
  const secret = snapshot?.secrets.get(name)
  return secret && readSecret(secret)
}

/** Errors that keep documents from counting. */
export function errorsOf(config: ConfigSnapshot): readonly Issue[] {
  return config.issues.filter((issue) => issue.level === 'error' && !refusedAsTraffic.has(issue.code))
}

function countsOf({ issues, resources }: ConfigSnapshot): Pick<ConfigPublished, 'resources' | 'errors' | 'warnings'> {
  const errors = issues.filter((issue) => issue.level === 'error').length
  return { resources: countResources(resources), errors, warnings: issues.length - errors }
}
