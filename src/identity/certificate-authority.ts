// Issues the certificates of workloads: an authority of the user's own, which all of a mesh on this machine share.
import { SallyportError } from '../base/index.ts'
import { keepAuthority, readAuthority } from './authority-file.ts'
import { ExtendedKeyUsage, type Issuer, makeAuthority, openIssuer } from './issuer.ts'
import { formatSpiffeId, meshTrustDomain, type SpiffeId } from './spiffe.ts'

export interface IssuedCertificate {
  /** PEM. */
  readonly chain: string
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface CertificateAuthority {
  /** PEM of those whom the mesh trusts. */
  readonly roots: string
  issue(id: SpiffeId, lifetimeMs: number): Promise<IssuedCertificate>
}

const YEAR_MS = 365 * 86_400_000
const AUTHORITY_MS = 10 * YEAR_MS

/** The authority of this folder; made when there is none. */
export async function openCertificateAuthority(directory: string, now = Date.now()): Promise<CertificateAuthority> {
  const text = readAuthority(directory) ?? keepAuthority(directory, await newAuthority(now))
  const [key, certificate] = [blockOf(text, 'PRIVATE KEY'), blockOf(text, 'CERTIFICATE')]
  if (key === undefined || certificate === undefined) throw broken(directory, 'holds no key with its certificate')
  const issuer = await openIssuer({ certificate, key })
  if (issuer.expires < now) throw broken(directory, `has expired on ${new Date(issuer.expires).toISOString()}`)
  return { roots: issuer.certificate, issue: (id, lifetimeMs) => issueTo(issuer, id, lifetimeMs) }
}

async function newAuthority(now: number): Promise<string> {
  const { certificate, key } = await makeAuthority(`O=${meshTrustDomain}`, now, AUTHORITY_MS)
  return `${key}${certificate}`
}

async function issueTo(issuer: Issuer, id: SpiffeId, lifetimeMs: number): Promise<IssuedCertificate> {
  const names = [{ type: 'url' as const, value: formatSpiffeId(id) }]
  const usages = [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]
  const { certificate, key, expires } = await issuer.issue({ names, usages, lifetimeMs, now: Date.now() })
  return { chain: certificate, key, expires }
}

function blockOf(text: string, label: string): string | undefined {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0]
}

function broken(directory: string, what: string): SallyportError {
  return new SallyportError('SLP0401', `the certificate authority in ${directory} ${what}`, {
    fix: 'remove the folder: a new authority is made, which all of the mesh then have to use',
  })
}
