// The explicit-proxy door: takes what an HTTP proxy's or SOCKS5 client asks for, and opens the connection that it would have made by itself.
import { type Address, type Ip, parseHostname, parseIp } from '../../base/index.ts'
import type { ConnectionFacts } from '../../flow/index.ts'
import { classOf, type Deny } from '../../runtime/index.ts'
import type { Arrival } from '../arrival.ts'
import { type Context, ownDeny } from '../context.ts'
import { HeldBytes } from '../held-bytes.ts'
import { hasLineEnd } from '../http/head-scanner.ts'
import { NameGathering } from '../name-gathering.ts'
import type { Wire, WireHandler } from '../transport.ts'
import { foresee } from './foresight.ts'
import { type ProxyRequest, readProxyRequest } from './proxy-request.ts'
import { greetingAnswer, readGreeting, readSocksRequest, socksAnswer, socksReplies, type SocksTarget, socksVersion } from './socks5.ts'

/** What the workload's DNS and capture would have made of what is asked for. */
export interface DoorNames {
  /** The address that stands for a name: a declared one, or one that leads nowhere but here. */
  addressOf(name: string): Ip
  virtualNames(ip: Ip): string | undefined
}

/** Whoever opens connections; each of these ends in exactly one record. */
export interface DoorKeeper {
  open(wire: Wire, arrival: Arrival, held: HeldBytes): void
  /** `request`: the bytes that are held are an HTTP request, which is to be answered. */
  refuse(wire: Wire, arrival: Arrival, refusal: { readonly deny: Deny; readonly request?: HeldBytes }): void
  /** The client asks for nothing any more. */
  onOver(): void
}

export interface DoorOptions {
  readonly context: Context
  readonly wire: Wire
  readonly names: DoorNames
  readonly keeper: DoorKeeper
}

const established = Buffer.from('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1')
/** The port of every request, as Istio's `http_proxy` listener has it. */
const istiosPort = 80

export class DoorClient implements WireHandler {
  readonly #options: DoorOptions
  readonly #held = new HeldBytes()
  readonly #deadline: { cancel(): void }
  #isGreeted = false
  /** Bytes of an HTTP head that have been looked at. */
  #searched = 0
  #isOver = false

  constructor(options: DoorOptions) {
    const { context, wire } = options
    this.#options = options
    this.#deadline = context.deadlines.arm(context.limits.proxyHeaderMs, () =>
      this.#break('the client did not say in time where it wants to go'),
    )
    wire.handler = this
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return
    this.#held.append(bytes, start, end)
    if (this.#isGreeted || this.#held.bytes[this.#held.start] === socksVersion) this.#readSocks()
    else this.#readHttp()
  }

  onEnd(): void {
    this.#break('the client ended before it said where it wants to go')
  }

  onDrain(): void {
    // What is sent before a connection is open is short.
  }

  onClose(): void {
    this.#break('the client was lost before it said where it wants to go')
  }

  #readHttp(): void {
    const { limits } = this.#options.context
    const { bytes, start, end } = this.#held
    // A head that dribbles in is read again only when a line of it has ended.
    const searched = this.#searched
    this.#searched = end - start
    if (searched > 0 && !hasLineEnd(bytes, start + searched, end) && end - start <= limits.headBytes) return
    const request = readProxyRequest(bytes, { start, end, limits })
    if (request === 'more') return
    if (request === 'unreadable') return this.#answer(this.#itself(), badRequest('the request names no host that could be asked'))
    if (request.kind === 'connect' && this.#isStrict) this.#connect(request)
    else this.#serve(request)
  }

  /** The head goes on to whoever serves requests: its authority and Host are judged there. */
  #serve({ host, port }: ProxyRequest): void {
    const place = this.#placeOf(host, this.#isStrict ? port : istiosPort)
    if (place.deny !== undefined) return this.#answer(place.arrival, place.deny)
    this.#open({ ...place.arrival, servesOne: true })
  }

  #connect(request: ProxyRequest): void {
    const place = this.#placeOf(request.host, request.port)
    const deny = request.isForAnother ? namesAnother : (place.deny ?? this.#foresee(place.arrival))
    if (deny !== undefined) {
      if (request.renewed) this.#holdInstead(request.renewed)
      return this.#answer(place.arrival, deny)
    }
    this.#held.consume(request.length)
    this.#say(established)
    this.#open(place.arrival)
  }

  /** Whoever answers reads the head again. */
  #holdInstead(head: Buffer): void {
    this.#held.clear()
    this.#held.append(head, 0, head.length)
  }

  #readSocks(): void {
    if (!this.#isGreeted) {
      const greeting = readGreeting(this.#held.bytes, this.#held.start, this.#held.end)
      if (greeting === 'more') return
      this.#say(greetingAnswer(greeting.isOpen))
      if (!greeting.isOpen)
        return this.#refuse(this.#itself(), badRequest('the SOCKS client insists on authentication, which nobody needs here'))
      this.#held.consume(greeting.length)
      this.#isGreeted = true
    }
    if (this.#held.length === 0) return
    const request = readSocksRequest(this.#held.bytes, this.#held.start, this.#held.end)
    if (request === 'more') return
    if ('broken' in request) {
      this.#say(socksAnswer(request.reply))
      return this.#refuse(this.#itself(), ownDeny('protocol-not-supported', `SOCKS5: ${request.broken}`))
    }
    this.#connectSocks(request)
  }

  #connectSocks({ host, port, length }: SocksTarget): void {
    const place = this.#placeOf(typeof host === 'string' ? host : host.ip, port)
    const deny = place.deny ?? this.#foresee(place.arrival)
    this.#say(socksAnswer(deny === undefined ? socksReplies.succeeded : socksReplies.notAllowed))
    if (deny !== undefined) return this.#refuse(place.arrival, deny)
    this.#held.consume(length)
    this.#open(place.arrival)
  }

  get #isStrict(): boolean {
    return this.#options.context.runtime()?.strict ?? true
  }

  /** Where the client's own connection would have gone. */
  #placeOf(host: string, port: number): { readonly arrival: Arrival; readonly deny?: Deny } {
    const { names } = this.#options
    const ip = parseIp(host)
    const name = ip === undefined ? parseHostname(host) : names.virtualNames(ip)
    if (ip === undefined && name === undefined)
      return { arrival: this.#itself(), deny: badRequest(`${JSON.stringify(host)} is no host name`) }
    const destination: Address = { ip: ip ?? names.addressOf(name ?? ''), port }
    const arrival = this.#arrival(destination, name)
    return isInside(name, destination.ip)
      ? { arrival, deny: ownDeny('private-address', insideText, { status: 403, explain: true }) }
      : { arrival }
  }

  #foresee(arrival: Arrival): Deny | undefined {
    const { context } = this.#options
    const runtime = context.runtime()
    if (runtime === undefined) return ownDeny('no-configuration', 'no configuration has been loaded yet, so nothing is allowed')
    const { source, destination, virtualName } = arrival
    const facts: ConnectionFacts = {
      kind: 'connection',
      source: source ?? destination,
      destination,
      ...(virtualName !== undefined && { virtualName }),
      names: new NameGathering(context).facts,
      random: Math.random(),
    }
    return foresee(context.judge, runtime, facts)
  }

  #arrival(destination: Address, virtualName: string | undefined): Arrival {
    return { source: this.#options.wire.remote, destination, ...(virtualName !== undefined && { virtualName }) }
  }

  /** For what goes nowhere. */
  #itself(): Arrival {
    const { wire } = this.#options
    return this.#arrival(wire.local ?? { ip: loopback, port: 0 }, undefined)
  }

  #open(arrival: Arrival): void {
    this.#finish()
    this.#options.keeper.open(this.#options.wire, arrival, this.#held)
  }

  #answer(arrival: Arrival, deny: Deny): void {
    this.#finish()
    const status = deny.status === 0 ? 403 : deny.status
    this.#options.keeper.refuse(this.#options.wire, arrival, { deny: { ...deny, status }, request: this.#held })
  }

  #refuse(arrival: Arrival, deny: Deny): void {
    this.#finish()
    this.#options.keeper.refuse(this.#options.wire, arrival, { deny })
  }

  #break(text: string): void {
    if (!this.#isOver) this.#refuse(this.#itself(), badRequest(text))
  }

  #say(bytes: Buffer): void {
    this.#options.wire.send(bytes, 0, bytes.length)
  }

  #finish(): void {
    this.#isOver = true
    this.#deadline.cancel()
    this.#options.keeper.onOver()
  }
}

const loopback = parseIp('127.0.0.1') ?? missing()
const insideText = 'this address is inside the workload itself: connect to it without a proxy'

/** A connection of the workload's own would never leave its namespace; one of the proxy's would reach the machine outside. */
function isInside(name: string | undefined, ip: Ip): boolean {
  if (name === 'localhost' || name?.endsWith('.localhost') === true) return true
  const kind = classOf(ip)
  return kind === 'loopback' || kind === 'unspecified' || kind === 'this-network'
}

function badRequest(text: string, code: 'bad-request' | 'name-mismatch' = 'bad-request'): Deny {
  return ownDeny(code, text, { status: 400, flag: 'DPE', explain: true })
}

const namesAnother = badRequest('the target of CONNECT and its Host header name different places', 'name-mismatch')

function missing(): never {
  throw new Error('127.0.0.1 is no address')
}
