// Reads secrets that came by xDS into what the data plane takes.
import { readFileSync } from 'node:fs'
import type { SecretMaterial } from '../identity/index.ts'
import type { DataSource } from '../xds/gen/envoy/config/core/v3/base_pb.js'
import type { Secret } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js'

const known = new WeakMap<Secret, SecretMaterial>()

/** The same object for the same secret. */
export function readSecret(secret: Secret): SecretMaterial {
  const found = known.get(secret)
  if (found !== undefined) return found
  const made = materialOf(secret)
  known.set(secret, made)
  return made
}

/** What lacks a part says nothing: who needs it is refused. */
function materialOf({ type }: Secret): SecretMaterial {
  if (type.case === 'validationContext') {
    const [roots, crl] = [textOf(type.value.trustedCa), textOf(type.value.crl)]
    return { ...(roots !== undefined && { roots }), ...(crl !== undefined && { crl }) }
  }
  if (type.case !== 'tlsCertificate') return {}
  const [chain, key] = [textOf(type.value.certificateChain), textOf(type.value.privateKey)]
  return chain === undefined || key === undefined ? {} : { certificate: { chain, key } }
}

function textOf(source: DataSource | undefined): string | undefined {
  const specifier = source?.specifier
  switch (specifier?.case) {
    case 'inlineBytes':
      return Buffer.from(specifier.value).toString('utf8')
    case 'inlineString':
      return specifier.value
    case 'filename':
      return readFileSync(specifier.value, 'utf8')
    default:
      return undefined
  }
}
