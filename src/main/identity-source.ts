// Gives a role the identity that it has in the mesh, from the moment when some resource asks for it.
import { changesBetween } from '../base/index.ts'
import { meshTrustDomain, type SecretsByName, WorkloadIdentity } from '../identity/index.ts'
import { create, secretNames, secretsNamedBy, type Snapshot } from '../xds/index.ts'
import { type Secret, SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'

export interface IdentitySourceOptions {
  /** Of the certificate authority. */
  readonly directory: string
  readonly namespace: string
  readonly serviceAccount: string
  readonly onNote: (text: string) => void
}

export class IdentitySource {
  readonly #options: IdentitySourceOptions
  #identity: WorkloadIdentity | undefined
  /** In which nothing was found that needs a certificate. */
  #followed: Pick<Snapshot, 'clusters' | 'listeners'> = { clusters: new Map(), listeners: new Map() }
  #ready: Promise<void> = Promise.resolve()
  #isReady = false
  #isWaitedFor = false
  readonly #watchers = new Set<() => void>()

  constructor(options: IdentitySourceOptions) {
    this.#options = options
  }

  /** By Istio's names of secrets. */
  readonly secret: SecretsByName = (name) => {
    const secrets = this.#identity?.secrets
    if (secrets === undefined) return undefined
    return name === secretNames.certificate ? secrets.certificate : name === secretNames.roots ? secrets.roots : undefined
  }

  /** Resolves when what was asked for so far is there, or cannot be had for now. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Asks for a certificate, where something in it needs one; false while it is being made. */
  follow(snapshot: Snapshot): boolean {
    if (this.#identity !== undefined) return this.#isReady
    const named = secretsNamedBy({
      clusters: newIn(this.#followed.clusters, snapshot.clusters),
      listeners: newIn(this.#followed.listeners, snapshot.listeners),
    })
    this.#followed = snapshot
    if (named.has(secretNames.certificate) || named.has(secretNames.roots)) this.#begin()
    return this.#identity === undefined
  }

  /**
   * As with Envoy, what needs a certificate is not put in force before that is there: `again` is called then. At the start there is nothing else to
   * go on with, and whoever serves waits.
   */
  holdsBack(snapshot: Snapshot, again: () => void): boolean {
    if (this.follow(snapshot)) return false
    if (!this.#isWaitedFor)
      void this.#ready.then(() => {
        this.#isWaitedFor = false
        again()
      })
    this.#isWaitedFor = true
    return true
  }

  /** The same as Envoy is given it. */
  completed(snapshot: Snapshot): Snapshot {
    const secrets = this.#identity?.secrets
    if (secrets?.certificate.certificate === undefined || secrets.roots.roots === undefined) return snapshot
    const { chain, key } = secrets.certificate.certificate
    const own: readonly Secret[] = [
      create(SecretSchema, {
        name: secretNames.certificate,
        type: { case: 'tlsCertificate', value: { certificateChain: inline(chain), privateKey: inline(key) } },
      }),
      create(SecretSchema, {
        name: secretNames.roots,
        type: { case: 'validationContext', value: { trustedCa: inline(secrets.roots.roots) } },
      }),
    ]
    return { ...snapshot, secrets: new Map([...snapshot.secrets, ...own.map((secret) => [secret.name, secret] as const)]) }
  }

  /** Told after each renewal. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  close(): void {
    this.#watchers.clear()
    this.#identity?.close()
  }

  #begin(): void {
    const { directory, namespace, serviceAccount, onNote } = this.#options
    this.#identity = new WorkloadIdentity({
      directory,
      id: { trustDomain: meshTrustDomain, namespace, serviceAccount },
      onRenewed: () => {
        for (const watcher of Array.from(this.#watchers)) watcher()
      },
      onNote,
    })
    this.#ready = this.#identity.begin().then(() => {
      this.#isReady = true
    })
  }
}

function newIn<V>(before: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): readonly V[] {
  return changesBetween(before, now).flatMap((change) => change.now ?? [])
}

function inline(text: string) {
  return { specifier: { case: 'inlineBytes', value: Buffer.from(text, 'utf8') } } as const
}
