// The program that runs in the outside's node: name server, a listener for stray datagrams, and, where nginx is missing, the web server.
import dgram from 'node:dgram'
import { appendFileSync, readdirSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startNameServer } from '../tests/support/name-server.ts'
import { isRequest } from '../tests/support/seen.ts'
import type { Seen } from '../tests/support/seen.ts'
import { createWebServers } from '../tests/support/web-server.ts'
import { addresses, names, outsidePorts } from './plan.ts'
import { fencePath, logs, type Sighting } from './sighting.ts'

export interface OutsideNodeOptions {
  readonly logFolder: string
  readonly certificateFolder: string
  /** Serve HTTP and HTTPS here: there is no nginx. */
  readonly web: boolean
}

/** Commands on stdin: `fence N` asks each logging server for something, and is answered by `fenced N`. Ends with its stdin. */
export async function runOutsideNode(options: OutsideNodeOptions): Promise<void> {
  const note = (log: string, sighting: Sighting): void => appendFileSync(join(options.logFolder, log), `${JSON.stringify(sighting)}\n`)
  await Promise.all([
    startNameServer(names, {
      address: addresses.nameServer,
      port: outsidePorts.dns,
      onQuestion: (question, peer) => note(logs.names, { kind: 'dns', peer, what: question }),
    }),
    listenForDatagrams((peer) => note(logs.names, { kind: 'udp', peer, what: `port ${outsidePorts.udp}` })),
    ...(options.web ? serveWeb(options, (sighting) => note(logs.web, sighting)) : []),
  ])
  createInterface(process.stdin).on('line', (line) => void fence(line))
  process.stdin.on('end', () => process.exit(0))
  process.stdout.write('ready\n')
}

async function listenForDatagrams(onDatagram: (peer: string) => void): Promise<void> {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (_message, peer) => onDatagram(peer.address))
  await new Promise<void>((resolve) => socket.bind(outsidePorts.udp, '0.0.0.0', resolve))
}

/** In the words of nginx's log format (see `outside.ts`). */
function serveWeb(options: OutsideNodeOptions, note: (sighting: Sighting) => void): Promise<void>[] {
  const known = readdirSync(options.certificateFolder)
    .filter((name) => name.endsWith('.crt') && name !== 'ca.crt')
    .map((name) => name.slice(0, -'.crt'.length))
  const log = (seen: Seen): void => {
    if (!isRequest(seen)) return
    const host = seen.headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? ''
    note({ kind: seen.proto, peer: seen.peer, what: `${host} at ${seen.local.replace(/:\d+$/, '')} ${seen.target}` })
  }
  const { plain, secure } = createWebServers({
    log,
    broken: [],
    certificates: { folder: options.certificateFolder, names: known },
  })
  return [listen(plain, outsidePorts.http), listen(secure, outsidePorts.https)]
}

function listen(server: net.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '0.0.0.0', resolve)
  })
}

async function fence(line: string): Promise<void> {
  const [, number = ''] = line.split(' ')
  await Promise.all([askWeb(number), askRedis()])
  process.stdout.write(`fenced ${number}\n`)
}

function askWeb(number: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = `http://${addresses.d2iq}:${outsidePorts.http}${fencePath}${number}`
    http
      .get(url, { agent: false }, (response) => response.resume().once('end', resolve))
      .once('error', reject)
      .setTimeout(5000, () => reject(new Error(`${url} does not answer`)))
  })
}

function askRedis(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(outsidePorts.redis, addresses.redis)
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
    socket.setTimeout(5000, () => reject(new Error('Redis does not answer')))
  })
}
