// Composes the control side in one process: files become declarations, a model, a snapshot, and the runtime that traffic is judged by.
import type { ConfigView } from '../admin/index.ts'
import { analyzing } from '../analysis/index.ts'
import type { Issue, Resource } from '../api/index.ts'
import { contentHash, type Steps, Watchable } from '../base/index.ts'
import type { PolicyOptions } from '../cli/index.ts'
import { type ConfigSnapshot, createStore, formatIssue } from '../config/index.ts'
import { type AccessLogPlan, buildModel, type Model, type SynthesisedGateway } from '../model/index.ts'
import { compiling, type Rejection, type Runtime } from '../runtime/index.ts'
import { configIssue, type ConfigPublished, configPublished } from '../telemetry/index.ts'
import { type Proxy, translating } from '../translate/index.ts'
import { type Control, nodeFacts, putInForce } from './control.ts'
import { Line } from './line.ts'

export interface ControlOptions {
  readonly policy: PolicyOptions
  readonly proxy: Proxy
  /** Folder of the Unix sockets of gateways that the files speak of but do not contain. */
  readonly sockets?: string
  /** Say nothing of issues: another process reads the same files and says it. */
  readonly quiet?: boolean
}

/** What is understood and not carried out counts: what it governs is denied, and the rest works. */
const refusedAsTraffic: ReadonlySet<Issue['code']> = new Set(['SLP1201', 'SLP1204'])

export function startControl(options: ControlOptions): Control {
  const { policy } = options
  const store = createStore(policy.files, {
    ...(policy.outbound === undefined ? {} : { outboundPolicy: policy.outbound }),
    ...(policy.strictness === undefined ? {} : { strictness: policy.strictness }),
  })
  const runtime = new Watchable<Runtime | undefined>(undefined)
  const synthesised = new Watchable<readonly SynthesisedGateway[]>([])
  const accessLogs = new Watchable<readonly AccessLogPlan[]>([])
  const report = reporter(options.quiet === true)
  let model: Model | undefined
  let view: ConfigView | undefined
  let published: ConfigPublished | undefined
  function* applying(config: ConfigSnapshot): Steps<void> {
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
    const compiled = yield* compiling(translated.snapshot, nodeFacts(), runtime.value)
    synthesised.set(now.synthesised)
    accessLogs.set(now.accessLogsOf(options.proxy))
    putInForce(runtime, compiled.runtime, options.quiet === true)
    const durationMs = performance.now() - began
    yield
    const issues = yield* issuesOf(config, now, translated.issues, options)
    yield
    report(issues, compiled.rejected)
    yield
    published = describe(config, compiled.rejected, durationMs)
    view = { snapshot: translated.snapshot, version: published.version, updated: Date.now(), rejected: compiled.rejected }
    configPublished.publish(published)
  }
  const line = new Line(applying)
  const stop = store.snapshot.watch((config) => line.take(config))
  return {
    runtime,
    synthesised,
    accessLogs,
    settings: () => store.snapshot.value.settings,
    errors: () => store.snapshot.value.issues.filter((issue) => issue.level === 'error' && !refusedAsTraffic.has(issue.code)),
    view: () => view,
    discovery: () => undefined,
    published: () => published,
    async close() {
      stop()
      line.close()
      store.close()
    },
  }
}

function* issuesOf(config: ConfigSnapshot, model: Model, translated: readonly Issue[], options: ControlOptions): Steps<readonly Issue[]> {
  return options.quiet === true ? [] : [...config.issues, ...translated, ...(yield* analyzing(model))]
}

/** Prints each issue when it appears, and again only after it had gone. */
function reporter(quiet: boolean): (issues: readonly Issue[], rejected: readonly Rejection[]) => void {
  let known = new Set<string>()
  return (issues, rejected) => {
    const now = new Set<string>()
    for (const issue of issues) {
      const key = `${issue.code} ${issue.source} ${issue.path} ${issue.message}`
      now.add(key)
      if (known.has(key)) continue
      process.stderr.write(`${formatIssue(issue, { color: process.stderr.isTTY && process.env['NO_COLOR'] === undefined })}\n`)
      const place = issue.place === undefined ? {} : { place: `${issue.source}:${issue.place.line}:${issue.place.column}` }
      configIssue.publish({ level: issue.level, code: issue.code, message: issue.message, ...place })
    }
    for (const rejection of quiet ? [] : rejected) {
      const text = `${rejection.resource} ${rejection.path}: ${rejection.message}`
      now.add(text)
      if (!known.has(text)) process.stderr.write(`sallyport: not carried out, and refused: ${text}\n`)
    }
    known = now
  }
}

function describe(config: ConfigSnapshot, rejected: readonly Rejection[], durationMs: number): ConfigPublished {
  const errors = config.issues.filter((issue) => issue.level === 'error').length
  const warnings = config.issues.length - errors
  return { version: versionOf(config), resources: resourcesOf(config).length, errors, warnings, rejections: rejected.length, durationMs }
}

/** A hash of what was read, so that an edit which changes nothing keeps it. */
function versionOf(config: ConfigSnapshot): string {
  return contentHash(
    resourcesOf(config)
      .map(({ hash }) => hash)
      .join(),
  )
}

function resourcesOf(config: ConfigSnapshot): readonly Resource[] {
  const kinds = [
    'ServiceEntry',
    'WorkloadEntry',
    'VirtualService',
    'DestinationRule',
    'Gateway',
    'Sidecar',
    'Telemetry',
    'Service',
    'Namespace',
    'ConfigMap',
  ] as const
  return kinds.flatMap((kind): readonly Resource[] => config.resources.of(kind))
}
