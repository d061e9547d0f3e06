// Keeps a gateway's listening sockets equal to what the configuration says, and goes on trying where one cannot be had.
import { chmodSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { type Deadline, formatAddress, SallyportError } from '../base/index.ts'
import type { BoundListener, Runtime, Target } from '../runtime/index.ts'
import type { ArrivalGate } from './arrival-gate.ts'
import type { Context } from './context.ts'
import { formatTarget } from './upstream/dial.ts'

const BACKLOG = 4096

export interface ListenerStatus {
  readonly name: string
  /** `ip:port`, or the path of the Unix socket. */
  readonly bind: string
  readonly isListening: boolean
  /** Why it is not. */
  readonly problem?: string
}

export interface GatewayListenersOptions {
  readonly context: Context
  readonly gate: ArrivalGate
  readonly onProblem: (problem: SallyportError) => void
  readonly onChange: () => void
}

export class GatewayListeners {
  readonly #options: GatewayListenersOptions
  readonly #bound = new Map<string, BoundSocket>()

  constructor(options: GatewayListenersOptions) {
    this.#options = options
  }

  /** Binds what is new and lets go of what is gone; what stays is not touched. */
  follow(runtime: Runtime | undefined): void {
    const wanted = new Map((runtime?.boundListeners ?? []).map((listener) => [keyOf(listener), listener]))
    for (const [key, socket] of this.#bound) {
      if (wanted.has(key)) continue
      this.#bound.delete(key)
      socket.close()
    }
    for (const [key, listener] of wanted) {
      if (this.#bound.has(key)) continue
      const socket = new BoundSocket(this.#options, listener)
      this.#bound.set(key, socket)
      socket.bind()
    }
    this.#options.onChange()
  }

  status(): readonly ListenerStatus[] {
    return Array.from(this.#bound.values(), (socket) => socket.status())
  }

  close(): void {
    for (const socket of this.#bound.values()) socket.close()
    this.#bound.clear()
    this.#options.onChange()
  }
}

function keyOf(listener: BoundListener): string {
  return `${listener.name}|${formatTarget(listener.bind)}|${listener.proxyProtocol}`
}

class BoundSocket {
  readonly #options: GatewayListenersOptions
  readonly #listener: BoundListener
  #server: Server | undefined
  #retry: Deadline | undefined
  #problem: string | undefined
  #isListening = false
  #isClosed = false

  constructor(options: GatewayListenersOptions, listener: BoundListener) {
    this.#options = options
    this.#listener = listener
  }

  status(): ListenerStatus {
    return {
      name: this.#listener.name,
      bind: formatTarget(this.#listener.bind),
      isListening: this.#isListening,
      ...(this.#problem !== undefined && { problem: this.#problem }),
    }
  }

  bind(): void {
    const { bind } = this.#listener
    const server = createServer()
    this.#server = server
    server.once('error', (error) => this.#onError(error))
    server.once('listening', () => this.#onListening(server))
    if ('pipe' in bind) server.listen({ path: bind.pipe, backlog: BACKLOG, exclusive: true })
    else server.listen({ host: bind.ip, port: bind.port, backlog: BACKLOG, exclusive: true, ipv6Only: bind.ip.includes(':') })
  }

  close(): void {
    this.#isClosed = true
    this.#isListening = false
    this.#retry?.cancel()
    if (this.#server?.listening) this.#server.close()
  }

  #onListening(server: Server): void {
    if (this.#isClosed) {
      server.close()
      return
    }
    const { bind } = this.#listener
    // A hop within one machine is for one user's processes.
    if ('pipe' in bind) chmodSync(bind.pipe, 0o600)
    this.#options.gate.adoptGatewayServer(server, this.#listener)
    this.#isListening = true
    this.#problem = undefined
    this.#options.onChange()
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return
    const { bind } = this.#listener
    if ('pipe' in bind && error.code === 'EADDRINUSE') return this.#replaceStale(bind.pipe, error)
    this.#fail(error)
  }

  /** A socket file that nobody listens on any more was left behind by a process that was killed. */
  #replaceStale(path: string, error: NodeJS.ErrnoException): void {
    const test = connect({ path })
    test.once('connect', () => {
      test.destroy()
      this.#fail(error)
    })
    test.once('error', (refused: NodeJS.ErrnoException) => {
      if (this.#isClosed) return
      if (refused.code !== 'ECONNREFUSED') return this.#fail(error)
      try {
        unlinkSync(path)
      } catch {
        return this.#fail(error)
      }
      this.bind()
    })
  }

  #fail(error: NodeJS.ErrnoException): void {
    const { deadlines, limits } = this.#options.context
    const problem = describeProblem(this.#listener.bind, error)
    // The same trouble every second is told once.
    if (this.#problem !== problem.message) this.#options.onProblem(problem)
    this.#problem = problem.message
    this.#options.onChange()
    this.#retry = deadlines.arm(limits.rebindMs, () => this.bind())
  }
}

function describeProblem(bind: Target, error: NodeJS.ErrnoException): SallyportError {
  const place = 'pipe' in bind ? bind.pipe : formatAddress(bind)
  return new SallyportError('SLP0301', `the gateway cannot listen on ${place}: ${error.message}`, {
    fix: fixFor(bind, error.code),
    cause: error,
  })
}

function fixFor(bind: Target, code: string | undefined): string {
  const port = 'pipe' in bind ? 0 : bind.port
  if (code === 'EADDRINUSE')
    return `end the program that has this address (\`ss -ltnp\` shows it), or change the Gateway's port; it is tried again every second`
  if (code === 'EACCES' && port > 0 && port < 1024) {
    return `give the Gateway's Service a targetPort of 1024 or more for port ${port}, or run the gateway with CAP_NET_BIND_SERVICE`
  }
  if (code === 'EADDRNOTAVAIL') return 'use an address that this machine has, or 0.0.0.0'
  return 'see the message; it is tried again every second'
}
