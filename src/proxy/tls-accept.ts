// Ends the TLS of an accepted connection: from its ClientHello, which was read already, to a client certificate that is in order.
import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import { ownPrincipalOf, principalOf } from './peer-principal.ts'
import { TlsError, verifyFailed, wordsOfTls } from './tls-error.ts'
import { TlsWire } from './tls-wire.ts'
import type { Dialling, SecureHandler, ServerTlsSetup } from './transport.ts'

export function acceptTls(raw: Socket, first: Uint8Array, setup: ServerTlsSetup, handler: SecureHandler): Dialling {
  return new TlsAcceptance(raw, first, setup, handler)
}

class TlsAcceptance implements Dialling {
  readonly #raw: Socket
  readonly #secure: TLSSocket
  readonly #setup: ServerTlsSetup
  readonly #handler: SecureHandler
  #isOver = false

  constructor(raw: Socket, first: Uint8Array, setup: ServerTlsSetup, handler: SecureHandler) {
    this.#raw = raw
    this.#setup = setup
    this.#handler = handler
    // Nothing may be read before TLS stands on the socket, which begins with what is given back here.
    raw.pause()
    raw.unshift(first)
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext: setup.context,
      requestCert: setup.asksForCertificate,
      rejectUnauthorized: setup.asksForCertificate && !setup.mayLackCertificate,
      ...(setup.alpn.length > 0 && { ALPNProtocols: [...setup.alpn] }),
    })
    this.#secure = secure
    secure.disableRenegotiation()
    secure.on('error', (error) => this.#fail(error))
    secure.on('_tlsError', (error: Error) => this.#fail(error))
    secure.once('close', () => this.#fail(new TlsError('TLS_error:_the_client_left_during_the_handshake:TLS_error_end')))
    secure.once('secure', () => this.#onSecure(secure))
  }

  cancel(): void {
    this.#isOver = true
    this.#destroy()
  }

  #onSecure(secure: TLSSocket): void {
    if (this.#isOver) return
    const certificate = this.#setup.asksForCertificate ? shownBy(secure, this.#setup) : undefined
    const problem = certificate && problemOf(secure, certificate, this.#setup)
    if (problem !== undefined) return this.#fail(new TlsError(verifyFailed(problem)))
    this.#isOver = true
    secure.removeAllListeners('error')
    secure.removeAllListeners('_tlsError')
    secure.removeAllListeners('close')
    const wire = new TlsWire(secure, this.#raw, {
      principal: certificate && this.#setup.isMesh ? principalOf(certificate) : undefined,
      onGone: undefined,
    })
    const shown = certificate && { raw: certificate.raw, by: ownPrincipalOf(secure) }
    wire.guard(() => this.#handler.onSecure(wire, shown))
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    // An alert that OpenSSL has written leaves before the socket is let go of.
    setImmediate(() => this.#destroy())
    this.#handler.onFail(error instanceof TlsError ? error : new TlsError(wordsOfTls(error)))
  }

  #destroy(): void {
    this.#secure.destroy()
    this.#raw.destroy()
  }
}

/** Without one there is nothing to judge where none is needed; otherwise Node's empty object is found wanting. */
function shownBy(secure: TLSSocket, { mayLackCertificate }: ServerTlsSetup): PeerCertificate | undefined {
  const certificate = secure.getPeerCertificate()
  return mayLackCertificate && certificate.raw === undefined ? undefined : certificate
}

function problemOf(secure: TLSSocket, certificate: PeerCertificate, setup: ServerTlsSetup): string | undefined {
  const verdict = verifyError(secure)
  if (verdict !== undefined) {
    return `X509_verify_cert:_certificate_verification_error:_${verdict.replaceAll('-', '_').replaceAll(' ', '_')}`
  }
  if (certificate.raw === undefined) return 'no_certificate_was_shown'
  return setup.judgeNames(certificate)
}

/** Node tells it to its own TLS servers only. Whatever is not clearly in order is not. */
function verifyError(secure: TLSSocket): string | undefined {
  const handle: unknown = Reflect.get(secure, '_handle')
  const ask: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'verifyError') : undefined
  if (typeof ask !== 'function') return 'the certificate could not be verified'
  const error: unknown = Reflect.apply(ask, handle, [])
  if (error === null) return undefined
  return error instanceof Error ? error.message : 'the certificate could not be verified'
}
