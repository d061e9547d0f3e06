// The program that plays everything outside: web, TLS, echo and greeting servers, Redis and DNS on every address of its node.
import { spawn } from 'node:child_process'
import { appendFileSync, readdirSync } from 'node:fs'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { localOf, peerOf } from './endpoints.ts'
import { startNameServer } from './name-server.ts'
import type { NameAnswer, NameServer } from './name-server.ts'
import { addresses, brokenOrigins, names, ports } from './outside-plan.ts'
import type { Seen } from './seen.ts'
import { createWebServers } from './web-server.ts'

// Usage: outside.js LOG CERTIFICATES. Commands on stdin, one JSON a line: {"names": {"HOST": ANSWER or null}}, answered by `{"done":true}`.
const [, , logPath = '', certificateFolder = ''] = process.argv
const longestNote = 200

const log = (seen: Seen): void => appendFileSync(logPath, `${JSON.stringify(seen)}\n`)

/** Answers each piece with what it was, where it came to and from; a greeting server speaks first. */
function lineServer(isServerFirst: boolean): net.Server {
  return net.createServer((socket) => {
    const ends = { local: localOf(socket), peer: peerOf(socket) }
    let received = ''
    let bytes = 0
    if (isServerFirst) socket.write(`${JSON.stringify({ hello: ends.local, peer: ends.peer })}\n`)
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (received.length < longestNote) received += chunk.toString('latin1')
      socket.write(`${JSON.stringify({ ...ends, got: chunk.toString('latin1').slice(0, longestNote) })}\n`)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => log({ proto: 'tcp', ...ends, received: received.slice(0, longestNote), bytes }))
  })
}

async function listen(server: net.Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '::', resolve)
  })
}

async function startWeb(): Promise<void> {
  const found = readdirSync(certificateFolder)
    .filter((name) => name.endsWith('.crt') && name !== 'ca.crt')
    .map((name) => name.slice(0, -'.crt'.length))
  const make = (port: number): ReturnType<typeof createWebServers> =>
    createWebServers({
      log,
      broken: brokenOrigins,
      echoes: port === ports.webSocket,
      certificates: { folder: certificateFolder, names: found },
    })
  await Promise.all([
    ...ports.http.map((port) => listen(make(port).plain, port)),
    ...ports.https.map((port) => listen(make(port).secure, port)),
  ])
}

async function startRedis(): Promise<void> {
  const limits = ['--protected-mode', 'no', '--save', '', '--appendonly', 'no', '--daemonize', 'no']
  const redis = spawn('redis-server', ['--port', String(ports.redis), '--bind', '0.0.0.0', '::', ...limits], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => redis.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    redis.once('error', reject)
    redis.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    redis.stdout.on('data', (text: Buffer) => {
      if (text.includes('Ready to accept connections')) resolve()
    })
  })
}

function obey(server: NameServer): void {
  createInterface(process.stdin).on('line', (line) => {
    const command: unknown = JSON.parse(line)
    const changes = typeof command === 'object' && command !== null && 'names' in command ? command.names : {}
    for (const [name, answer] of Object.entries(changes ?? {})) server.set(name, (answer as NameAnswer | null) ?? undefined)
    process.stdout.write('{"done":true}\n')
  })
  // Whoever started this is gone.
  process.stdin.on('end', () => process.exit(0))
}

async function start(): Promise<void> {
  const onQuestion = (question: string, peer: string): void => log({ proto: 'dns', question, peer })
  const [server] = await Promise.all([
    startNameServer(names, { address: addresses.out, port: 53, onQuestion }),
    startWeb(),
    startRedis(),
    ...ports.echo.map((port) => listen(lineServer(false), port)),
    ...ports.serverFirst.map((port) => listen(lineServer(true), port)),
  ])
  obey(server)
  log({ proto: 'ready' })
  process.stdout.write('{"ready":true}\n')
}

process.on('SIGTERM', () => process.exit(0))
process.on('uncaughtException', (error) => log({ proto: 'world-error', error: String(error) }))
start().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
