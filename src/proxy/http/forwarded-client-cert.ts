// Says in x-forwarded-client-cert what a client has proven by its certificate, in Envoy's words.
import { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../../flow/index.ts'
import type { ClientCertDetails } from '../../runtime/index.ts'
import { sansOf } from '../upstream/certificate-names.ts'

interface Said {
  readonly details: ClientCertDetails
  readonly text: string
}

/** One certificate is told for all requests of a connection. */
const told = new WeakMap<ClientCertificate, Said>()

export function forwardedClientCert(certificate: ClientCertificate, details: ClientCertDetails): string {
  const before = told.get(certificate)
  if (before?.details === details) return before.text
  const text = textOf(certificate, details)
  told.set(certificate, { details, text })
  return text
}

/** By, Hash, Subject, URI and DNS, in this order. */
function textOf({ raw, by }: ClientCertificate, { subject, uri, dns }: ClientCertDetails): string {
  const certificate = new X509Certificate(raw)
  const names = sansOf(certificate.subjectAltName ?? '').filter(({ value }) => isPlain(value))
  const valuesOf = (wanted: string): string[] => names.filter(({ kind }) => kind === wanted).map(({ value }) => value)
  const parts = [`Hash=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`]
  if (by !== undefined && isPlain(by)) parts.unshift(`By=${by}`)
  if (subject) parts.push(`Subject="${subjectOf(certificate)}"`)
  if (uri) parts.push(...(valuesOf('uri').length === 0 ? [''] : valuesOf('uri')).map((value) => `URI=${value}`))
  if (dns) parts.push(...valuesOf('dns').map((value) => `DNS=${value}`))
  return parts.join(';')
}

/** RFC 2253: the last of a name's parts comes first. One that a header could not hold is left out. */
function subjectOf({ subject }: X509Certificate): string {
  const text = (subject ?? '').split('\n').toReversed().join(',')
  return /^(?:[ !#-[\]-~]|\\[ -~])*$/.test(text) ? text : ''
}

/** Neither ends the element that it stands in nor the line. */
function isPlain(value: string): boolean {
  return /^[!#-+\--:<>-[\]-~]+$/.test(value)
}
