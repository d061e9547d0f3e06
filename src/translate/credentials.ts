// Makes of Secrets the certificates and those to trust that a proxy's resources name; a proxy has those of its own namespace alone.
import type { Resource } from '../api/index.ts'
import { create, credentialNames, readMetadata, secretsNamedBy, type Snapshot } from '../xds/index.ts'
import { type Secret, SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'
import type { Context } from './context.ts'

const none: Snapshot['secrets'] = new Map()

/** What is named and not there is left out: who needs it is refused. Who is refused anyway needs none. */
export function credentials(ctx: Context, { clusters, listeners }: Pick<Snapshot, 'clusters' | 'listeners'>): Snapshot['secrets'] {
  if (ctx.model.resources.of('Secret').length === 0) return none
  // There are many thousand clusters, and few begin TLS: only of those more is read.
  const secured = Array.from(clusters.values()).filter(({ transportSocket }) => transportSocket !== undefined)
  const used = secured.filter(({ metadata }) => readMetadata(metadata).refuse === undefined)
  const found = [...secretsNamedBy({ clusters: used, listeners: listeners.values() })].flatMap((name) => secretOf(ctx, name) ?? [])
  return ctx.kept.assemblies.get('credentials', found, () => new Map(found.map((secret) => [secret.name, secret])))
}

/** By the name that configurations give; an unchanged Secret stays the same object. */
const made = new WeakMap<Resource<'Secret'>, Map<string, Secret | undefined>>()

function secretOf(ctx: Context, name: string): Secret | undefined {
  const credential = credentialNames.parse(name)
  if (credential === undefined) return undefined
  const find = (wanted: string) => ctx.model.resources.get('Secret', ctx.proxy.namespace, wanted)
  // As in Istio, those to trust may stand in a Secret of their own, which then counts alone.
  const resource = credential.roots === undefined ? find(credential.name) : (find(credential.roots) ?? find(credential.name))
  if (resource === undefined) return undefined
  const known = made.get(resource) ?? new Map<string, Secret | undefined>()
  made.set(resource, known)
  if (!known.has(name)) known.set(name, credential.roots === undefined ? certificate(name, resource) : roots(name, resource))
  return known.get(name)
}

function certificate(name: string, { spec }: Resource<'Secret'>): Secret | undefined {
  const [chain, key] = firstOf(spec, [
    ['cert', 'key'],
    ['tls.crt', 'tls.key'],
  ])
  if (chain === undefined || key === undefined) return undefined
  return create(SecretSchema, {
    name,
    type: { case: 'tlsCertificate', value: { certificateChain: inline(chain), privateKey: inline(key) } },
  })
}

function roots(name: string, { spec }: Resource<'Secret'>): Secret | undefined {
  const [trusted] = firstOf(spec, [['cacert'], ['ca.crt']])
  if (trusted === undefined) return undefined
  const crl = bytesOf(spec, bytesOf(spec, 'cacert') === undefined ? 'ca.crl' : 'crl')
  return create(SecretSchema, {
    name,
    type: { case: 'validationContext', value: { trustedCa: inline(trusted), ...(crl && { crl: inline(crl) }) } },
  })
}

type SecretSpec = Resource<'Secret'>['spec']

/** The first of these sets of keys that is whole; Istio looks at those of a generic Secret first. */
function firstOf(spec: SecretSpec, sets: readonly (readonly string[])[]): readonly (Buffer | undefined)[] {
  const found = sets.map((keys) => keys.map((key) => bytesOf(spec, key)))
  return found.find((values) => values.every((value) => value !== undefined)) ?? []
}

/** Undefined for what is empty, too. */
function bytesOf({ data = {}, stringData = {} }: SecretSpec, key: string): Buffer | undefined {
  const text = Object.hasOwn(stringData, key) ? stringData[key] : undefined
  const packed = Object.hasOwn(data, key) ? data[key] : undefined
  const bytes = text === undefined ? Buffer.from(packed ?? '', 'base64') : Buffer.from(text)
  return bytes.length === 0 ? undefined : bytes
}

function inline(bytes: Uint8Array) {
  return { specifier: { case: 'inlineBytes', value: bytes } } as const
}
