// Lists the certificates that the configuration in force uses, from files and of the mesh, and how long each is still valid.
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { JsonObject, JsonValue, Message } from '@bufbuild/protobuf'
import { messageOf } from '../../base/index.ts'
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.js'
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { resourceToJson, type Snapshot } from '../../xds/index.ts'
import { jsonPage, type Page } from '../page.ts'
import type { ProxyView } from '../proxy-view.ts'

const DAY_MS = 86_400_000
/** A bundle of trusted roots has some hundred; what is beyond is not shown. */
const mostInFile = 500
const mostFiles = 200
const BATCH = 50

export function certsPage(proxy: ProxyView): Page {
  return {
    path: '/certs',
    title: 'certificates in use, with the days until they expire',
    async render() {
      const files = await filesInUse(proxy)
      const certificates = await Promise.all(files.slice(0, mostFiles).map((used) => describeFiles(used, proxy)))
      return jsonPage({ certificates })
    },
  }
}

/** A file, or a secret of the mesh. */
type Source = { readonly file: string } | { readonly secret: string }

/** What one TLS context uses; the names are Envoy's. */
interface Files {
  readonly ca_cert?: Source
  readonly cert_chain?: Source
}

async function filesInUse(proxy: ProxyView): Promise<readonly Files[]> {
  const snapshot = proxy.config()?.snapshot
  if (snapshot === undefined) return []
  const found = new Map<string, Files>()
  let count = 0
  for (const resource of withTls(snapshot)) {
    for (const files of filesOf(resourceToJson(resource))) found.set(JSON.stringify(files), files)
    if (++count % BATCH === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return [...found.values()]
}

function withTls({ clusters, listeners }: Snapshot): readonly Message[] {
  const hasSocket = ({ transportSocket, transportSocketMatches }: Cluster): boolean =>
    transportSocket !== undefined || transportSocketMatches.length > 0
  const terminates = ({ filterChains, defaultFilterChain }: Listener): boolean =>
    [...filterChains, defaultFilterChain].some((chain) => chain?.transportSocket !== undefined)
  return [...[...clusters.values()].filter(hasSocket), ...[...listeners.values()].filter(terminates)]
}

/** Every TLS context in a resource, however deep: files by name, or Istio's `file-cert:` and `file-root:` names of secrets. */
function filesOf(value: JsonValue): readonly Files[] {
  if (Array.isArray(value)) return value.flatMap(filesOf)
  if (typeof value !== 'object' || value === null) return []
  const common = value.common_tls_context
  if (isObject(common)) return [fileNames(common)].filter((files) => files.ca_cert !== undefined || files.cert_chain !== undefined)
  return Object.values(value).flatMap(filesOf)
}

function fileNames(common: JsonObject): Files {
  const chain =
    fileOf(findText(common.tls_certificates, 'certificate_chain')) ?? secretOf(common.tls_certificate_sds_secret_configs, 'file-cert:')
  const validation = common.validation_context ?? common.combined_validation_context ?? common.validation_context_sds_secret_config
  const roots = fileOf(findText(validation, 'trusted_ca')) ?? secretOf(validation, 'file-root:')
  return { ...(roots === undefined ? {} : { ca_cert: roots }), ...(chain === undefined ? {} : { cert_chain: chain }) }
}

/** The file name of a data source of this name. */
function findText(value: JsonValue | undefined, name: string): string | undefined {
  if (Array.isArray(value)) return value.map((item) => findText(item, name)).find((text) => text !== undefined)
  if (!isObject(value)) return undefined
  const source = value[name]
  if (isObject(source) && typeof source.filename === 'string') return source.filename
  return Object.values(value)
    .map((item) => findText(item, name))
    .find((text) => text !== undefined)
}

function fileOf(file: string | undefined): Source | undefined {
  return file === undefined ? undefined : { file }
}

/** What the name of a secret stands for, however deep its configuration stands. */
function secretOf(value: JsonValue | undefined, prefix: string): Source | undefined {
  if (Array.isArray(value)) return firstOf(value, prefix)
  if (!isObject(value)) return undefined
  const { name, sds_config: service, ...parts } = value
  if (typeof name !== 'string') return firstOf(Object.values(parts), prefix)
  if (name.startsWith(prefix)) return fileOf(name.slice(prefix.length).split('~', 1)[0])
  return service === undefined ? firstOf(Object.values(parts), prefix) : { secret: name }
}

function firstOf(values: readonly JsonValue[], prefix: string): Source | undefined {
  for (const value of values) {
    const source = secretOf(value, prefix)
    if (source !== undefined) return source
  }
  return undefined
}

async function describeFiles(files: Files, proxy: ProxyView): Promise<object> {
  const [ca_cert, cert_chain] = await Promise.all([describe(files.ca_cert, proxy), describe(files.cert_chain, proxy)])
  return { ca_cert, cert_chain }
}

async function describe(source: Source | undefined, proxy: ProxyView): Promise<readonly object[]> {
  if (source === undefined) return []
  // Envoy's word for what is in no file.
  if ('secret' in source) return describeText('<inline>', proxy.certificates(source.secret) ?? '')
  try {
    return describeText(source.file, await readFile(source.file, 'utf8'))
  } catch (error) {
    return [{ path: source.file, problem: messageOf(error) }]
  }
}

function describeText(path: string, text: string): readonly object[] {
  try {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
    if (blocks.length === 0) return [{ path, problem: 'there is no certificate in it' }]
    return blocks.slice(0, mostInFile).map((block) => certificateJson(path, new X509Certificate(block)))
  } catch (error) {
    return [{ path, problem: messageOf(error) }]
  }
}

function certificateJson(path: string, certificate: X509Certificate): object {
  const until = new Date(certificate.validTo)
  return {
    path,
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: (certificate.subjectAltName ?? '').split(', ').flatMap(alternativeName),
    days_until_expiration: String(Math.max(0, Math.floor((until.getTime() - Date.now()) / DAY_MS))),
    valid_from: new Date(certificate.validFrom).toISOString(),
    expiration_time: until.toISOString(),
  }
}

const nameFields: Readonly<Record<string, string>> = { DNS: 'dns', URI: 'uri', 'IP Address': 'ip_address' }

function alternativeName(text: string): readonly Readonly<Record<string, string>>[] {
  const colon = text.indexOf(':')
  const field = nameFields[text.slice(0, colon)]
  return field === undefined ? [] : [{ [field]: text.slice(colon + 1) }]
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
