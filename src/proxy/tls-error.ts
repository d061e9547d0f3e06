// Says in Envoy's words why a TLS connection could not be made, as its access log writes them.

/** Why a connection was not made; the words are ready for the log. */
export class TlsError extends Error {
  readonly words: string

  constructor(words: string) {
    super(words)
    this.name = 'TlsError'
    this.words = words
  }
}

/** BoringSSL's packed code of CERTIFICATE_VERIFY_FAILED. */
const VERIFY_FAILED = '268435581'

export function verifyFailed(problem: string): string {
  return `TLS_error:|${VERIFY_FAILED}:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_${problem}:TLS_error_end`
}

/** A set of files that cannot be read: as when Envoy waits for a secret. */
export function secretMissing(problem: string): string {
  return `TLS_error:_Secret_is_not_supplied_by_SDS:_${problem.replaceAll(' ', '_')}`
}

/** Errors of the socket below, which BoringSSL reports as the system's. */
const system: Readonly<Record<string, string>> = {
  ECONNRESET: '|33554536:system_library:OPENSSL_internal:Connection_reset_by_peer',
  EPIPE: '|33554464:system_library:OPENSSL_internal:Broken_pipe',
}

/** OpenSSL's names of what is wrong with a chain, as Node passes them on: `SELF_SIGNED_CERT_IN_CHAIN`, `CERT_HAS_EXPIRED`, … */
const ofChain =
  /^(?:UNABLE_TO|CERT_|SELF_SIGNED|DEPTH_ZERO|ERROR_IN|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH|CRL_|ERR_CERT_)/

export function wordsOfTls(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  const below = system[code]
  if (below !== undefined) return `TLS_error:${below}:TLS_error_end`
  if (ofChain.test(code)) {
    return verifyFailed(`X509_verify_cert:_certificate_verification_error:_${error.message.replaceAll('-', '_').replaceAll(' ', '_')}`)
  }
  const reason = code.startsWith('ERR_SSL_') ? code.slice('ERR_SSL_'.length) : error.message.replaceAll(' ', '_')
  return `TLS_error:|SSL_routines:OPENSSL_internal:${reason}:TLS_error_end`
}
