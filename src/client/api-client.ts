// Asks an API server over HTTPS: one request, one answer in JSON, within limits of time and size.
import { Agent, request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { messageOf, SallyportError } from '../base/index.ts'
import type { ApiAccess } from './api-access.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Of a patch. */
  readonly contentType?: string
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

  constructor(status: number, message: string) {
    super(status === 401 ? 'SLP6204' : 'SLP6205', message)
    this.status = status
  }
}

export class ApiClient {
  readonly server: string
  readonly #access: ApiAccess
  readonly #agent: Agent

  constructor(access: ApiAccess) {
    this.server = access.server
    this.#access = access
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8, ca: access.authority })
  }

  /** Rejects with `ApiRefusal`, with SLP6202 when nobody answers, and with SLP6203 when it is not the server that is known. */
  async ask(asked: ApiRequest): Promise<ApiAnswer> {
    const { status, warnings, text } = await this.#exchange(asked)
    const body = parsed(text)
    if (status >= 200 && status < 300 && body !== undefined) return { body: body.value, warnings }
    const said = messageIn(body?.value) ?? `${status} ${text.slice(0, mostQuoted)}`
    throw new ApiRefusal(status, `${this.server} answers: ${said}`)
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange({ method = 'GET', path, body, contentType = 'application/json' }: ApiRequest): Promise<Exchanged> {
    const credential = this.#access.credential()
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      Accept: 'application/json',
      'User-Agent': 'sallyport',
      ...(sent === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': sent.length }),
      ...('token' in credential ? { Authorization: `Bearer ${credential.token}` } : {}),
    }
    const identity = 'token' in credential ? {} : { cert: credential.certificate, key: credential.key }
    return new Promise((resolve, reject) => {
      const asking = request(new URL(path, this.server), { method, headers, agent: this.#agent, ...identity })
      const limit = setTimeout(() => asking.destroy(new Error(`no answer within ${answerMs / 1000} seconds`)), answerMs)
      asking.once('close', () => clearTimeout(limit))
      asking.once('error', (error) => reject(this.#failure(error)))
      asking.once('response', (response) => {
        readWhole(response).then(resolve, (error: unknown) => reject(this.#failure(error)))
      })
      asking.end(sent)
    })
  }

  #failure(error: unknown): SallyportError {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const isOther = /^(ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code)
    return isOther
      ? new SallyportError('SLP6203', `${this.server} is not the server that is known: ${messageOf(error)}`, { cause: error })
      : new SallyportError('SLP6202', `${this.server} cannot be reached: ${messageOf(error)}`, { cause: error })
  }
}

interface Exchanged {
  readonly status: number
  readonly warnings: readonly string[]
  readonly text: string
}

const answerMs = 30_000
const mostBytes = 256 * 1024 * 1024
const mostQuoted = 500

function readWhole(response: IncomingMessage): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > mostBytes) response.destroy(new Error('the answer is too large'))
      else chunks.push(chunk)
    })
    response.once('error', reject)
    response.once('end', () =>
      resolve({ status: response.statusCode ?? 0, warnings: warningsOf(response), text: Buffer.concat(chunks).toString('utf8') }),
    )
  })
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
    return undefined
  }
}

/** Of Kubernetes' Status. */
function messageIn(body: unknown): string | undefined {
  return typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string' ? body.message : undefined
}
