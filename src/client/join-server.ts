// Joins an API server as a workload: shows a token, or the certificate that it has, and is given a certificate for a new key that never leaves this process.
import { fail, fieldsOf, ok, type Result, SallyportError } from '../base/index.ts'
import { loadIssuer } from '../identity/index.ts'
import type { ApiCredential } from './api-access.ts'
import { ApiClient } from './api-client.ts'

/** The credential is a token by which to join once, or, to have a new one in time, the certificate from before. */
export type JoinRequest = ApiCredential & {
  /** `https://HOST:PORT` */
  readonly url: string
  /** PEM. */
  readonly ca: string
  readonly namespace: string
  readonly serviceAccount: string
}

export interface JoinCertificate {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

export async function joinServer(asked: JoinRequest): Promise<Result<JoinCertificate, SallyportError>> {
  const { url, ca, namespace, serviceAccount } = asked
  const { makeCertificateRequest } = await loadIssuer()
  const { request, key } = await makeCertificateRequest()
  const client = new ApiClient({ server: url, authority: ca, credential: () => asked })
  try {
    const path = `/apis/node.sallyport.dev/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/join`
    const { body } = await client.ask({ method: 'POST', path, body: { spec: { request } } })
    const made = certificateIn(body)
    return made === undefined
      ? fail(new SallyportError('SLP6205', `${url} answers with no certificate`))
      : ok({ certificate: made.certificate, privateKey: key, notAfter: made.notAfter })
  } catch (error) {
    if (error instanceof SallyportError) return fail(error)
    throw error
  } finally {
    client.close()
  }
}

function certificateIn(body: unknown): Pick<JoinCertificate, 'certificate' | 'notAfter'> | undefined {
  const { status } = fieldsOf(body)
  const { certificate, notAfter } = fieldsOf(status)
  const expires = typeof notAfter === 'string' ? Date.parse(notAfter) : Number.NaN
  return typeof certificate === 'string' && Number.isFinite(expires) ? { certificate, notAfter: expires } : undefined
}
