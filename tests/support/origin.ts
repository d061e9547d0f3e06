// The program of the simulation's outside: answers whoever was led to it, at whatever address, and prints who met it where.
import http from 'node:http'
import net, { type Socket } from 'node:net'
import { formatAddress } from '../../src/base/index.ts'
import { createDestinationReader } from '../../src/proxy/original-dst.ts'
import { descriptorOf } from '../../src/proxy/socket-send.ts'
import { localOf, peerOf } from './endpoints.ts'

const port = 9999
/** A fatal handshake_failure (RFC 8446 §6): nobody here has a certificate. */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 40])
const methods = /^[A-Z]+ /

const web = http.createServer((request, response) => {
  response.setHeader('x-asked', `${request.method} ${request.url} ${request.headers.host}`)
  request.resume()
  response.end()
})
web.keepAliveTimeout = 0

function serve(socket: Socket, family: 4 | 6): void {
  const at = destination[family](descriptorOf(socket))
  const ip = peerOf(socket)
  const from = `${ip.includes(':') ? `[${ip}]` : ip}:${socket.remotePort}`
  process.stdout.write(`${from} ${at === undefined ? localOf(socket) : formatAddress(at)}\n`)
  socket.on('error', () => socket.destroy())
  socket.once('data', (first) => {
    if (methods.test(first.toString('latin1'))) {
      socket.unshift(first)
      web.emit('connection', socket)
    } else socket.end(first[0] === 22 ? alert : `origin ${at === undefined ? '' : formatAddress(at)}\n`)
  })
}

const destination = { 4: createDestinationReader(4), 6: createDestinationReader(6) }

function listen(family: 4 | 6): Promise<void> {
  const server = net.createServer((socket) => serve(socket, family))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: family === 4 ? '0.0.0.0' : '::', ipv6Only: family === 6 }, resolve)
  })
}

process.stdin.on('end', () => process.exit(0)).resume()
await Promise.all([listen(4), listen(6)])
process.stdout.write('ready\n')
