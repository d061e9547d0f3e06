// Carries bytes in TLS that is begun on a client's behalf, or ends here, behind the same interface as plain ones, so that policy and codecs do not know.
import { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { type Address, formatAddress } from '../base/index.ts'
import type { Target } from '../runtime/index.ts'
import { addressOf, connectSocket } from './dial-socket.ts'
import { ownPrincipalOf, principalOf } from './peer-principal.ts'
import { TlsError, verifyFailed, wordsOfTls } from './tls-error.ts'
import { type Dialling, type DialHandler, type DialOptions, nobody, type TlsSetup, type Wire, type WireHandler } from './transport.ts'

/** Bytes that may wait for one slow peer before its source is paused. */
const WATERMARK = 262_144
/** What Node's own write queue calls full: above it a `drain` event is certain, which `lend` relies on. */
const NODE_WATERMARK = 16_384

export function dialTls(target: Target, handler: DialHandler, options: DialOptions & { readonly tls: TlsSetup }): Dialling {
  const attempt = new TlsAttempt(handler, options)
  connectSocket(attempt.raw, target, options)
  return attempt
}

/** From the first SYN to a certificate that is in order. */
class TlsAttempt implements Dialling {
  readonly raw = new Socket({ allowHalfOpen: true })
  readonly #handler: DialHandler
  readonly #options: DialOptions & { readonly tls: TlsSetup }
  #secure: TLSSocket | undefined
  #isOver = false

  constructor(handler: DialHandler, options: DialOptions & { readonly tls: TlsSetup }) {
    this.#handler = handler
    this.#options = options
    this.raw.on('error', (error) => this.#fail(error))
    this.raw.once('connect', () => this.#begin())
  }

  cancel(): void {
    this.#isOver = true
    this.#destroy()
  }

  #begin(): void {
    const { preamble, tls } = this.#options
    if (preamble) this.raw.write(preamble)
    const { session, serverName } = tls
    const secure = connect({
      socket: this.raw,
      secureContext: tls.context,
      ALPNProtocols: [...tls.alpn],
      rejectUnauthorized: tls.isVerified,
      checkServerIdentity: (_host, certificate) => {
        const problem = tls.isVerified ? tls.judgeNames(certificate) : undefined
        return problem === undefined ? undefined : new TlsError(verifyFailed(problem))
      },
      ...(serverName !== '' && { servername: serverName }),
      ...(session && { session }),
    })
    this.#secure = secure
    secure.on('error', (error) => this.#fail(error))
    secure.once('close', () =>
      this.#fail(new TlsError('TLS_error:|33554536:system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end')),
    )
    secure.once('secureConnect', () => this.#onSecure(secure))
  }

  #onSecure(secure: TLSSocket): void {
    if (this.#isOver) return
    this.#isOver = true
    secure.removeAllListeners('error')
    secure.removeAllListeners('close')
    const { tls, onGone } = this.#options
    // A session is only worth keeping from here on: what it stands for has been judged.
    secure.on('session', (session) => tls.keepSession(session))
    // TLS 1.2 gives its ticket within the handshake.
    const given = secure.getProtocol() === 'TLSv1.2' && !secure.isSessionReused() ? secure.getSession() : undefined
    if (given) tls.keepSession(given)
    const wire = new TlsWire(secure, this.raw, {
      principal: tls.isVerified && tls.isMesh ? principalOf(secure.getPeerCertificate()) : undefined,
      onGone,
    })
    wire.guard(() => this.#handler.onConnect(wire))
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#destroy()
    this.#handler.onFail(this.#secure && !(error instanceof TlsError) ? new TlsError(wordsOfTls(error)) : error)
  }

  #destroy(): void {
    this.#secure?.destroy()
    this.raw.destroy()
  }
}

export interface TlsWireFacts {
  readonly principal: string | undefined
  readonly onGone: (() => void) | undefined
}

/** Node decrypts every record into a buffer of its own, so that nothing here is shared and everything may be lent. */
export class TlsWire implements Wire {
  handler: WireHandler = nobody
  readonly principal: string | undefined
  readonly ownPrincipal: string | undefined
  ended = false
  closed = false
  readonly isPrivate = true
  readonly #secure: TLSSocket
  readonly #raw: Socket
  readonly #onGone: (() => void) | undefined
  #isPaused = false
  #error: Error | undefined
  #local: Address | undefined
  #localText: string | undefined
  #remote: Address | undefined

  constructor(secure: TLSSocket, raw: Socket, { principal, onGone }: TlsWireFacts) {
    this.principal = principal
    // Who has proven no identity of the mesh is shown none either.
    this.ownPrincipal = principal === undefined ? undefined : ownPrincipalOf(secure)
    this.#secure = secure
    this.#raw = raw
    this.#onGone = onGone
    secure.on('data', (bytes: Buffer) => this.guard(() => this.handler.onData(bytes, 0, bytes.length)))
    secure.on('end', () => {
      this.ended = true
      this.guard(() => this.handler.onEnd())
    })
    secure.on('drain', () => this.guard(() => this.handler.onDrain()))
    secure.on('error', (error) => {
      this.#error ??= new Error(wordsOfTls(error), { cause: error })
    })
    secure.on('close', () => this.#onClosed())
  }

  get local(): Address | undefined {
    this.#local ??= addressOf(this.#raw.localAddress, this.#raw.localPort)
    return this.#local
  }

  get localText(): string | undefined {
    this.#localText ??= this.local && formatAddress(this.local)
    return this.#localText
  }

  get remote(): Address | undefined {
    this.#remote ??= addressOf(this.#raw.remoteAddress, this.#raw.remotePort)
    return this.#remote
  }

  get pending(): number {
    return this.#secure.writableLength
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end || !this.#secure.writable) return true
    const copy = Buffer.allocUnsafe(end - start)
    copy.set(bytes.subarray(start, end), 0)
    this.#secure.write(copy)
    return this.#secure.writableLength < WATERMARK
  }

  lend(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < NODE_WATERMARK) return this.send(bytes, start, end)
    if (!this.#secure.writable) return true
    this.#secure.write(bytes.subarray(start, end))
    return this.#secure.writableLength === 0
  }

  finish(): void {
    if (this.#secure.writable) this.#secure.end()
  }

  close(): void {
    this.#secure.destroy()
  }

  reset(): void {
    if (this.closed || this.#secure.destroyed) return
    if (this.remote !== undefined && !this.#raw.destroyed) this.#raw.resetAndDestroy()
    this.#secure.destroy()
  }

  pause(): void {
    this.#isPaused = true
    this.#secure.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (!this.closed && !this.#secure.destroyed) this.#secure.resume()
  }

  promote(): void {
    // Every read has a buffer of its own already.
  }

  demote(): void {
    // As above.
  }

  /** No exception leaves the event loop: it ends this one connection, and its owner hears of it. */
  guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#secure.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #onClosed(): void {
    if (this.closed) return
    this.closed = true
    const handler = this.handler
    this.handler = nobody
    handler.onClose(this.#error)
    this.#onGone?.()
  }
}
