// Gives Envoy the secrets that are files, and gives them anew when the files change.
import type { MessageInitShape } from '@bufbuild/protobuf'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { messageOf } from '../base/index.ts'
import { systemBundles } from '../identity/index.ts'
import { create, secretsNamedBy, type Snapshot } from '../xds/index.ts'
import type { DataSourceSchema } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import { type Secret, SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'

const certificatePrefix = 'file-cert:'
const rootPrefix = 'file-root:'
/** No file is called so by chance; Envoy takes any name. */
const crlMark = '~crl~'
const CHECK_MS = 1000

/** The name of a secret that has a list of revoked certificates as well. */
export function withCrl(name: string, crl: string): string {
  return `${name}${crlMark}${crl}`
}

interface Kept {
  readonly stamp: string
  readonly secret: Secret | undefined
}

export class FileSecrets {
  readonly #onChange: () => void
  readonly #onNote: (text: string) => void
  readonly #kept = new Map<string, Kept>()
  readonly #timer: NodeJS.Timeout

  constructor({ onChange, onNote }: { readonly onChange: () => void; readonly onNote: (text: string) => void }) {
    this.#onChange = onChange
    this.#onNote = onNote
    this.#timer = setInterval(() => this.#look(), CHECK_MS).unref()
  }

  /** Those among these names that are files, as they are now; what cannot be read is left out. */
  of(names: Iterable<string>): readonly (readonly [string, Secret])[] {
    const wanted = new Set(names)
    for (const name of this.#kept.keys()) if (!wanted.has(name)) this.#kept.delete(name)
    return Array.from(wanted).flatMap((name) => {
      const files = filesOf(name)
      if (files === undefined) return []
      this.#refresh(name, files)
      const secret = this.#kept.get(name)?.secret
      return secret === undefined ? [] : [[name, secret] as const]
    })
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    let isNews = false
    for (const name of Array.from(this.#kept.keys())) {
      const files = filesOf(name)
      if (files !== undefined && this.#refresh(name, files)) isNews = true
    }
    if (isNews) this.#onChange()
  }

  /** What was read last serves on when a newer state cannot be used. */
  #refresh(name: string, files: readonly string[]): boolean {
    const before = this.#kept.get(name)
    const stamp = files.map(stampOf).join(' ')
    if (before?.stamp === stamp) return false
    try {
      this.#kept.set(name, { stamp, secret: readSecret(name, files) })
      return true
    } catch (error) {
      this.#onNote(`the certificates of ${files.join(', ')} cannot be used: ${messageOf(error)}`)
      this.#kept.set(name, { stamp, secret: before?.secret })
      return false
    }
  }
}

/** For an Envoy elsewhere: the files are its own machine's, and it reads them itself. */
export function withSecretPaths(snapshot: Snapshot): Snapshot {
  const named = secretsNamedBy({ clusters: snapshot.clusters.values(), listeners: snapshot.listeners.values() })
  const made = Array.from(named).flatMap((name) => {
    const files = filesOf(name)
    return files === undefined ? [] : [[name, secretOf(name, files.map(path))] as const]
  })
  return made.length === 0 ? snapshot : { ...snapshot, secrets: new Map([...snapshot.secrets, ...made]) }
}

/** Undefined: the name is of no files. */
function filesOf(name: string): readonly string[] | undefined {
  if (name.startsWith(certificatePrefix)) return name.slice(certificatePrefix.length).split('~')
  if (!name.startsWith(rootPrefix)) return undefined
  const [roots = '', crl] = name.slice(rootPrefix.length).split(crlMark)
  return [roots === 'system' ? systemRoots() : roots, ...(crl === undefined ? [] : [crl])]
}

/** A file that is replaced by another, perhaps behind a link, is another inode. */
function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false })
  return stats === undefined ? 'none' : `${stats.mtimeMs}/${stats.size}/${stats.ino}`
}

function readSecret(name: string, files: readonly string[]): Secret {
  const read = files.map((file) => readFileSync(file))
  const [first = Buffer.alloc(0), second] = read
  // Fails where the key is not that of the certificate, while the files are being exchanged.
  if (name.startsWith(certificatePrefix)) createSecureContext({ cert: first, ...(second && { key: second }) })
  else if (new X509Certificate(first).raw.length === 0) throw new Error('there is no certificate in it')
  return secretOf(name, read.map(inline))
}

type Source = MessageInitShape<typeof DataSourceSchema>

function secretOf(name: string, [first, second]: readonly Source[]): Secret {
  const type = name.startsWith(certificatePrefix)
    ? { case: 'tlsCertificate' as const, value: { ...(first && { certificateChain: first }), ...(second && { privateKey: second }) } }
    : { case: 'validationContext' as const, value: { ...(first && { trustedCa: first }), ...(second && { crl: second }) } }
  return create(SecretSchema, { name, type })
}

function path(value: string): Source {
  return { specifier: { case: 'filename', value } }
}

function inline(value: Buffer): Source {
  return { specifier: { case: 'inlineBytes', value: Uint8Array.from(value) } }
}

function systemRoots(): string {
  return systemBundles.find((path) => existsSync(path)) ?? systemBundles[0] ?? ''
}
