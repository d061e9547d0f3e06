// Asks an API server: requests within limits of size and time, and watches; what goes wrong is said in the words of whoever has to mend it.
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request, type RequestOptions } from 'node:https'
import { WebSocket } from 'ws'
import { type Fields, fieldsOf, messageOf, SallyportError } from '../base/index.ts'
import type { ApiAccess } from './api-access.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Of a patch. */
  readonly contentType?: string
  readonly accept?: string
  readonly timeoutMs?: number
}

export interface ApiAnswer {
  /** What the JSON says. */
  readonly body: unknown
  /** Of the headers `Warning`, in their order. */
  readonly warnings: readonly string[]
}

/** What a server has answered instead of doing what was asked. */
export class ApiRefusal extends SallyportError {
  /** Of HTTP. */
  readonly status: number
  /** Kubernetes' own word for it. */
  readonly reason: string

  constructor(status: number, message: string, reason = '') {
    super(status === 401 ? 'SLP6204' : 'SLP6205', message, status === 401 ? { fix: expiredFix } : {})
    this.status = status
    this.reason = reason
  }
}

interface Reading {
  readonly mostBytes: number
  readonly mostMs: number
}

const expiredFix = 'the credentials may have expired, or be of another server: get new ones'
const usualMs = 30_000
/** Of a WebSocket. */
const largestFrame = 4 * 1024 * 1024
const usualReading: Reading = { mostBytes: 256 * 1024 * 1024, mostMs: usualMs }
const DOWNLOAD_MS = 600_000
const mostQuoted = 500

export class ApiClient {
  readonly server: string
  readonly #access: ApiAccess
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })
  #localAddress = ''

  constructor(access: ApiAccess) {
    this.server = access.server
    this.#access = access
  }

  /** Rejects with `ApiRefusal`, with SLP6202 when nobody answers, and with SLP6203 when it is not the server that is known. */
  async ask(asked: ApiRequest): Promise<ApiAnswer> {
    const response = await this.open(asked)
    const text = (await this.#read(response, usualReading)).toString()
    const body = parsed(text)
    if (body === undefined) throw new ApiRefusal(response.statusCode ?? 0, `${this.server} answers: ${text.slice(0, mostQuoted)}`)
    return { body: body.value, warnings: warningsOf(response) }
  }

  /** An object, and undefined when it is not there. */
  async find(path: string): Promise<Fields | undefined> {
    try {
      return fieldsOf((await this.ask({ path })).body)
    } catch (error) {
      if (error instanceof ApiRefusal && error.status === 404) return undefined
      throw error
    }
  }

  /** The bytes of a large answer, which is given more time. Rejects as `ask` does. */
  async download(path: string, mostBytes: number): Promise<Buffer> {
    return this.#read(await this.open({ path, accept: '*/*' }), { mostBytes, mostMs: DOWNLOAD_MS })
  }

  /** An answer that has begun; whoever asks reads it. Rejects as `ask` does. */
  async open(asked: ApiRequest): Promise<IncomingMessage> {
    const response = await this.#send(asked)
    const code = response.statusCode ?? 0
    if (code >= 200 && code < 300) return response
    const text = (await this.#read(response, usualReading)).toString()
    const { message, reason } = fieldsOf(parsed(text)?.value)
    const said = typeof message === 'string' ? message : `${code} ${text.slice(0, mostQuoted)}`
    throw new ApiRefusal(code, `${this.server} answers: ${said}`, typeof reason === 'string' ? reason : '')
  }

  /** A WebSocket that is being opened; what it says is bytes. */
  socket(path: string, protocol: string): WebSocket {
    return new WebSocket(`${this.server.replace(/^https/, 'wss')}${path}`, [protocol], {
      ...this.#connection(),
      maxPayload: largestFrame,
      perMessageDeflate: false,
      handshakeTimeout: usualMs,
    })
  }

  /** Of this machine, as the server sees it; empty before the first answer. */
  get localAddress(): string {
    return this.#localAddress
  }

  #connection(): Pick<RequestOptions, 'ca' | 'cert' | 'key'> & { readonly headers: Readonly<Record<string, string>> } {
    const credential = this.#access.credential()
    const trust = { ca: this.#access.authority }
    if ('token' in credential) return { ...trust, headers: { Authorization: `Bearer ${credential.token}` } }
    return { ...trust, cert: credential.certificate, key: credential.key, headers: {} }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #read(response: IncomingMessage, reading: Reading): Promise<Buffer> {
    try {
      return await readWhole(response, reading)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #send(asked: ApiRequest): Promise<IncomingMessage> {
    const limit = asked.timeoutMs ?? usualMs
    const text = asked.body === undefined ? undefined : JSON.stringify(asked.body)
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        let sent: ClientRequest
        try {
          sent = this.#begin(asked, text)
        } catch (error) {
          return reject(this.#failure(error))
        }
        const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${limit / 1000} seconds`)), limit)
        sent.once('response', (response) => {
          clearTimeout(timer)
          this.#localAddress = response.socket.localAddress ?? ''
          resolve(response)
        })
        sent.once('error', (error) => {
          clearTimeout(timer)
          // The server has closed a connection that it had nothing to do on for a while, and has not read this.
          if (sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET') attempt()
          else reject(this.#failure(error))
        })
        sent.end(text)
      }
      attempt()
    })
  }

  #begin(
    { method = 'GET', path, contentType = 'application/json', accept = 'application/json' }: ApiRequest,
    text?: string,
  ): ClientRequest {
    const { headers, ...connection } = this.#connection()
    // Node.js says the length by itself for some methods only.
    const content = text === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) }
    const all = { ...headers, ...content, Accept: accept, 'User-Agent': 'sallyport' }
    return request(new URL(path, this.server), { ...connection, method, agent: this.#agent, headers: all })
  }

  #failure(error: unknown): SallyportError {
    if (error instanceof SallyportError) return error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const isOther = /^(ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code)
    return isOther
      ? new SallyportError('SLP6203', `${this.server} is not the server that is known: ${messageOf(error)}`, {
          fix: 'use the kubeconfig that this server has written, or its pki/ca.crt as --ca-file',
          cause: error,
        })
      : new SallyportError('SLP6202', `${this.server} cannot be reached: ${messageOf(error)}`, {
          fix: 'start it with `sallyport serve`, or name the right address',
          cause: error,
        })
  }
}

async function readWhole(response: IncomingMessage, { mostBytes, mostMs }: Reading): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(() => response.destroy(new Error('the rest of an answer did not come in time')), mostMs)
  try {
    for await (const chunk of response) {
      const bytes: Buffer = Buffer.from(chunk)
      size += bytes.length
      if (size > mostBytes) throw new Error('the answer is too large')
      chunks.push(bytes)
    }
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks)
}

/** `299 - "text"`, RFC 7234 §5.5; several stand in one header. */
function warningsOf({ headers }: IncomingMessage): readonly string[] {
  const texts = String(headers['warning'] ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)
  return Array.from(texts, ([, text = '']) => text.replaceAll(/\\(.)/g, '$1'))
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    // Whoever asked is told what it says instead.
    return undefined
  }
}
