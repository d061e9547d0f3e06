// Answers a proxy that resolves names by itself, with real addresses, and tells it none that it may not dial.
import dgram from 'node:dgram'
import net from 'node:net'
import { type Address, type Ip, parseIp, SallyportError, systemClock, Watchable } from '../base/index.ts'
import { judgeAddress, type Runtime } from '../runtime/index.ts'
import { type DnsService, serveDns } from './listener.ts'
import { createRefusalAddresses } from './refusal-addresses.ts'
import type { AskedType, DnsAnswer } from './upstream-answer.ts'
import type { DnsClient } from './upstream.ts'

export interface ProxyResolverOptions {
  readonly names: Pick<DnsClient, 'query'>
  readonly runtime: Watchable<Runtime | undefined>
  /** The node's own addresses, which no name leads to. */
  readonly own: ReadonlySet<Ip>
  /** Private addresses are told for names that only a wildcard covers, too. */
  readonly privateNames: () => boolean
}

export interface ProxyResolver extends Pick<DnsService, 'close'> {
  readonly address: Address
}

const loopback = '127.0.0.1'
const mostWaitMs = 1000

/** Listens at a port of the loopback address. */
export async function serveProxyResolver(options: ProxyResolverOptions): Promise<ProxyResolver> {
  const { udp, tcp, port } = await bindPair()
  const service = serveDns({
    udp: [udp],
    tcp: [tcp],
    runtime: new Watchable<Runtime | undefined>(asksForEverything),
    names: { query: (name, type) => judged(options, name, type) },
    refusals: createRefusalAddresses(),
    onRefused: () => undefined,
    mayTell: () => true,
  })
  const ip = parseIp(loopback)
  if (ip === undefined) throw new SallyportError('SLP0001', `${loopback} is no address`)
  return { address: { ip, port }, close: () => service.close() }
}

/** A port that is free for UDP may be somebody's for TCP: then another is tried. */
const mostTries = 20

export async function bindPair(first = 0): Promise<{ readonly udp: dgram.Socket; readonly tcp: net.Server; readonly port: number }> {
  for (let tries = 1; ; tries++) {
    const udp = dgram.createSocket('udp4')
    const tcp = net.createServer()
    try {
      await bound(udp, () => udp.bind(tries === 1 ? first : 0, loopback))
      const { port } = udp.address()
      await bound(tcp, () => tcp.listen(port, loopback))
      return { udp, tcp, port }
    } catch (error) {
      udp.close()
      if (tries === mostTries) throw error
    }
  }
}

function bound(socket: dgram.Socket | net.Server, bind: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('listening', () => {
      socket.removeListener('error', reject)
      resolve()
    })
    bind()
  })
}

async function judged({ names, runtime, own, privateNames }: ProxyResolverOptions, name: string, type: AskedType): Promise<DnsAnswer> {
  const answer = await Promise.race([names.query(name, type), tooLate()])
  const now = runtime.value
  if (answer.status !== 'found' || now?.strict === false) return answer
  const isExact = now?.declaredName(name)?.host.startsWith('*') !== true
  const rules = { own, privateAllowed: isExact || privateNames() }
  const records = answer.records.filter(({ type: kind, data }) => {
    const ip = kind === 'A' || kind === 'AAAA' ? parseIp(String(data)) : undefined
    return ip === undefined || judgeAddress(ip, rules) === undefined
  })
  return records.length === 0 ? { status: 'no-data', expires: answer.expires } : { ...answer, records }
}

/** A proxy starts, and takes over changes, when every name was asked for once: one that nobody answers keeps the others waiting no longer. */
async function tooLate(): Promise<DnsAnswer> {
  await new Promise((resolve) => systemClock.setTimer(mostWaitMs, () => resolve(undefined)))
  return { status: 'failed', reason: `no resolver answered within ${mostWaitMs} ms`, expires: systemClock.now() }
}

/** The proxy asks only for names that clusters have, or that a declared wildcard covers: each is looked up as if it were declared. */
const asksForEverything: Runtime = {
  version: 0,
  strict: true,
  outboundPolicy: 'REGISTRY_ONLY',
  boundListeners: [],
  knowsNames: true,
  declaredName: (host) => ({ host, addresses: [] }),
  nameOfAddress: () => undefined,
  placed: (ref) => ref,
}
