// Composes `sallyport serve`: files become a model, the model what each kind of node should have, and that is served over ADS.
import type { Duplex } from 'node:stream'
import { analyzing } from '../analysis/index.ts'
import { type Steps, systemClock, type Timer } from '../base/index.ts'
import type { ApiOptions, ServeOptions } from '../cli/index.ts'
import { type ConfigSnapshot, openObjectSource, createStore, type ReadOptions, type Store } from '../config/index.ts'
import { meshTrustDomain, parseSpiffeId } from '../identity/index.ts'
import type { SecretReaders } from '../apiserver/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import { configIssue } from '../telemetry/index.ts'
import {
  type AdsServer,
  type NodeIdentity,
  loadAds,
  readNode,
  serveAds,
  type Rejected,
  type TypeUrl,
  typeShortNames,
  xdsServerName,
} from '../xds/index.ts'
import { errorsOf } from './control-plane.ts'
import { declaredObjects } from './declared-objects.ts'
import { DeclaredStatus, type Found } from './declared-status.ts'
import { IdentitySource } from './identity-source.ts'
import { issueReporter } from './issue-reporter.ts'
import { Line } from './line.ts'
import { isStranger, NodeViews, type NodeViewsOptions } from './node-views.ts'
import { NotByXdsNotes } from './not-by-xds.ts'
import { refuseErrors } from './start-errors.ts'
import { authorityDirectory } from './state-directory.ts'
import { type XdsGuard, xdsGuard } from './xds-guard.ts'

/** Resolves with the exit code, once a signal has ended it. */
export async function runServer(options: ServeOptions): Promise<number> {
  return options.api === undefined ? runFromFiles(options) : runFromApi(options, options.api)
}

async function runFromApi(options: ServeOptions, apiOptions: ApiOptions): Promise<number> {
  const { startApi } = await import('./api-role.ts')
  const live: { server?: ConfigurationServer } = {}
  const early = new EarlyConnections()
  const take = (connection: Duplex): void => {
    if (live.server === undefined) early.keep(connection)
    else live.server.take(connection)
  }
  const [api] = await Promise.all([
    startApi(apiOptions, { xds: { serverName: xdsServerName, take }, isReady: () => live.server !== undefined }),
    loadAds(),
  ])
  try {
    process.stderr.write(`sallyport serve: API at https://${api.address}, kubeconfig in ${api.kubeconfig}\n`)
    const { quietMs, longestWaitMs } = options
    const source = await openObjectSource(declaredObjects(api.store), { ...overridesOf(options), quietMs, longestWaitMs })
    const status = new DeclaredStatus(source)
    const keeper = api.keepStatus(() => status.now())
    const onFound = (found: Found): void => {
      status.take(found)
      keeper.notice()
    }
    live.server = await startServer(options, { source, guard: xdsGuard(api.authenticate), secretReaders: api.secretReaders, onFound })
    for (const connection of early.left()) live.server.take(connection)
    api.runPods()
    return await runServing(live.server)
  } finally {
    await api.close()
  }
}

/** Of clients that come before the configuration is there: they are kept waiting for it, as many as the API lets in. */
class EarlyConnections {
  readonly #connections = new Set<Duplex>()

  keep(connection: Duplex): void {
    this.#connections.add(connection)
    connection.on('error', () => undefined)
    connection.once('close', () => this.#connections.delete(connection))
  }

  left(): readonly Duplex[] {
    return Array.from(this.#connections)
  }
}

async function runFromFiles(options: ServeOptions): Promise<number> {
  return runServing(await startServer(options))
}

async function runServing(server: ConfigurationServer): Promise<number> {
  // Heard before anything is said: who waits for the words may end it at once.
  const signalled = untilSignalled()
  if (server.address !== '') process.stderr.write(`sallyport serve: configuration at ${server.address}\n`)
  await signalled
  await server.close()
  return 0
}

export type ConfigurationServer = Pick<AdsServer, 'address' | 'clients' | 'take' | 'close'>

export interface Served {
  /** In the place of files. */
  readonly source: Store
  /** Of connections that are handed over. */
  readonly guard: XdsGuard
  /** Of nodes that come by such a connection. */
  readonly secretReaders: SecretReaders
  /** Told what there is to say of each configuration, once it is in force. */
  readonly onFound?: (found: Found) => void
}

function overridesOf({ outbound, strictness }: ServeOptions): ReadOptions {
  return { ...(outbound === undefined ? {} : { outboundPolicy: outbound }), ...(strictness === undefined ? {} : { strictness }) }
}

/** Of files unless another source is given. Rejects when what is declared is not all valid, or the address cannot be bound. */
export async function startServer(options: ServeOptions, served?: Served): Promise<ConfigurationServer> {
  const { files, quietMs, longestWaitMs } = options
  const store = served?.source ?? createStore(files, { ...overridesOf(options), quietMs, longestWaitMs })
  const { secretReaders } = served ?? {}
  const line = new ServerLine(() => store.snapshot.value, {
    ...identitiesOf(options),
    ...(secretReaders && { mayHaveCredentials: (account) => secretReaders.has(account) }),
    onFound: served?.onFound,
  })
  const stopReaders = secretReaders?.watch(() => line.views.again())
  const strangers = new Strangers()
  const stop = store.snapshot.watch(() => line.take())
  const close = (): void => {
    stop()
    stopReaders?.()
    line.close()
    store.close()
  }
  try {
    // Objects that cannot be read are mended over the API, which then has to be there.
    if (served === undefined) refuseErrors({ errors: () => errorsOf(store.snapshot.value) }, 'the server')
    const { guard } = served ?? {}
    const server = await serveAds({
      ...(options.xds === undefined ? {} : { address: options.xds }),
      viewOf: (node, { isLooking, isProven }) => {
        strangers.meet(node)
        return line.views.viewOf(node, isLooking || (!isProven && !isOfOwner(options)))
      },
      ...guard,
      onRejected: tellRejected,
    })
    return {
      address: server.address,
      clients: () => server.clients(),
      take: (connection) => server.take(connection),
      async close() {
        await server.close()
        close()
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

/** Notices clients that are no proxies of Sallyport's: there are things that no resource can tell them. */
class Strangers {
  readonly #known = new Set<string>()

  meet(node: NodeIdentity): void {
    const { agent, name, namespace } = node
    const who = agent === '' ? 'a client that does not say what it is' : `"${agent.slice(0, 60)}"`
    if (!isStranger(node) || this.#known.has(agent) || this.#known.size >= MOST_STRANGERS) return
    this.#known.add(agent)
    process.stderr.write(
      `sallyport serve: ${namespace}/${name} is ${who}, and is told in Envoy’s own terms what is refused. No resource can say that names must not lead to private addresses, this machine or a metadata service, nor whom a gateway serves: for that use --engine envoy (docs/xds.md)\n`,
    )
  }
}

/** Kinds of clients that are told of: whoever makes up names would otherwise fill the log. */
const MOST_STRANGERS = 20

/** Whoever may open a socket of mode 0600 is the user whose mesh it is, and believed which node it is. Whoever reaches a port is nobody. */
function isOfOwner({ xds }: ServeOptions): boolean {
  return xds?.startsWith('/') === true || xds?.startsWith('unix:') === true
}

type OfIdentities = Pick<NodeViewsOptions, 'identityOf' | 'onWithheld' | 'onCredentialsWithheld'>

function identitiesOf(options: ServeOptions): OfIdentities {
  const onNote = (text: string): void => void process.stderr.write(`sallyport serve: ${text}\n`)
  const directory = authorityDirectory(options)
  const told = new Set<string>()
  let isSaid = false
  return {
    onWithheld({ namespace, name }) {
      if (!isSaid && options.xds !== undefined && !isOfOwner(options))
        onNote(
          `${namespace}/${name} needs a certificate for ISTIO_MUTUAL or a credentialName, and those are given over a Unix socket (--xds PATH) or the API’s port only: what needs one is refused there`,
        )
      isSaid = true
    },
    onCredentialsWithheld(proxy, { namespace, name }) {
      const who = `${namespace}:${name}`
      if (told.has(who) || told.size >= MOST_STRANGERS) return
      told.add(who)
      onNote(
        `${proxy.namespace}/${proxy.name} is named a Secret, which its service account may not read: what needs it is refused there; to give it: kubectl create rolebinding credentials -n ${namespace} --clusterrole=sallyport.dev:credentials --serviceaccount=${who}`,
      )
    },
    identityOf({ namespace, serviceAccount = 'default' }) {
      if (parseSpiffeId(`spiffe://${meshTrustDomain}/ns/${namespace}/sa/${serviceAccount}`) === undefined) return undefined
      return new IdentitySource({ directory, namespace, serviceAccount, onNote })
    },
  }
}

interface LineOptions extends OfIdentities, Pick<NodeViewsOptions, 'mayHaveCredentials'> {
  readonly onFound: Served['onFound'] | undefined
}

/** From the declarations to the views. */
class ServerLine {
  readonly views: NodeViews
  readonly #config: () => ConfigSnapshot
  readonly #line: Line<ConfigSnapshot>
  readonly #report = issueReporter(false)
  readonly #notes = new NotByXdsNotes()
  readonly #onFound: LineOptions['onFound']
  #model: { readonly config: ConfigSnapshot; readonly model: Model } | undefined
  #quiet: Timer | undefined
  /** In force, and for a while nothing has changed. */
  #settled: ConfigSnapshot | undefined

  constructor(config: () => ConfigSnapshot, { onFound, ...identities }: LineOptions) {
    this.#config = config
    this.#onFound = onFound
    this.#line = new Line((next) => this.#applying(next))
    this.views = new NodeViews({ wanted: () => this.take(), ...identities })
  }

  take(): void {
    this.#line.take(this.#config())
  }

  close(): void {
    this.#quiet?.cancel()
    this.#line.close()
    this.views.close()
  }

  *#applying(config: ConfigSnapshot): Steps<void> {
    if (this.#model?.config !== config) this.#model = { config, model: buildModel(config.resources, config.settings, this.#model?.model) }
    const { model } = this.#model
    yield
    const isOutdated = (): boolean => this.#config() !== config
    yield* this.views.making(model, isOutdated)
    if (isOutdated()) return
    if (this.#settled === config && this.views.size === 0) return yield* this.views.preparing(model, isOutdated)
    this.#notes.tell(config)
    const found = yield* analyzing(model)
    this.#report({ issues: [config.issues, this.views.issues, found], rejected: [] })
    this.#onFound?.({ config, model, issues: [...config.issues, ...found] })
    this.#prepareLater(config)
  }

  #prepareLater(config: ConfigSnapshot): void {
    this.#quiet?.cancel()
    if (this.views.size > 0) return
    this.#quiet = systemClock.setTimer(QUIET_MS, () => {
      this.#settled = config
      this.take()
    })
  }
}

/** After which something is made for nodes that have not come yet. */
const QUIET_MS = 500

/** What a proxy refuses is found out by nobody else: it goes on with what it had. */
function tellRejected(node: Parameters<typeof readNode>[0], typeUrl: TypeUrl, { text, resources }: Rejected): void {
  const identity = readNode(node)
  const who = typeof identity === 'string' ? (node?.id ?? '') : `${identity.namespace}/${identity.name}`
  const what = [typeShortNames[typeUrl], ...resources].join(' ')
  const message = `${who} has refused its ${what}, and goes on with what it had: ${printable(text)}`
  configIssue.publish({ level: 'error', code: 'SLP0202', message })
  process.stderr.write(`sallyport serve: SLP0202 ${message}\n`)
}

/** A client's words must not steer the terminal. */
function printable(text: string): string {
  return Array.from(text, (character) => (character < ' ' || character === '\u007f' ? ' ' : character)).join('')
}

function untilSignalled(): Promise<void> {
  // The timers of the server let a process end that has nothing else to do.
  const alive = setInterval(() => undefined, 2 ** 30)
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        clearInterval(alive)
        resolve()
      })
  })
}
