// Starts what is outside, a real nginx and a real Redis among it, and reads from their logs who came.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificates } from '../tests/support/certificates.ts'
import type { NodeProcess } from '../tests/support/node-process.ts'
import type { WorldNode } from '../tests/support/world.ts'
import { addresses, outsidePorts } from './plan.ts'
import { fencePath, logs, type Notes, readNotes, type Sighting } from './sighting.ts'

export interface Outside {
  /** File of the authority that signed the web server's certificates. */
  readonly authority: string
  /** What serves HTTP: `nginx`, or our own server where nginx is missing. */
  readonly webServer: string
  /** Who came since the last call. */
  seen(): Promise<readonly Sighting[]>
}

const nginxProgram = 'nginx'
const fenceMs = 5000
const ownAddresses = /^(203\.0\.113\.|198\.18\.1\.1$|127\.)/

export async function startOutside(node: WorldNode, folder: string): Promise<Outside> {
  const certificates = join(folder, 'certificates')
  mkdirSync(folder, { recursive: true })
  await makeCertificates(certificates, { default: ['default.invalid'], 'd2iq.com': ['d2iq.com', 'other.example.test'] })
  const hasNginx = spawnSync(nginxProgram, ['-v'], { stdio: 'ignore' }).status === 0
  if (hasNginx) await startNginx(node, folder, certificates)
  await startRedis(node, folder)
  const helper = node.spawn(process.execPath, [process.argv[1] ?? '', 'outside-node', folder, certificates, hasNginx ? '' : 'web'], {
    detached: true,
  })
  await helper.says('ready')
  return {
    authority: join(certificates, 'ca.crt'),
    webServer: hasNginx ? 'nginx' : 'a web server of our own',
    seen: reader(helper, folder),
  }
}

/** One process that neither forks nor changes its user: in a world made without root there is no other than this root. */
async function startNginx(node: WorldNode, folder: string, certificates: string): Promise<void> {
  const path = join(folder, 'nginx.conf')
  writeFileSync(path, nginxConfiguration(folder, certificates))
  const nginx = node.spawn(nginxProgram, ['-c', path, '-p', folder, '-e', join(folder, 'nginx-error.log')], { detached: true })
  await until(async () => {
    if (nginx.hasEnded) throw new Error(`nginx ended: ${nginx.stderr()}`)
    const ask = ['-s', '-o', join(folder, 'first'), '-m', '1', `http://${addresses.d2iq}${fencePath}0`]
    return (await node.exec('curl', ask)).code === 0
  }, 'nginx does not answer')
}

function nginxConfiguration(folder: string, certificates: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/nginx-${name};`)
  return `daemon off;
user root;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
  ${temporary.join('\n  ')}
  log_format sighting escape=json '{"kind":"$scheme","peer":"$remote_addr","what":"$http_host at $server_addr $request_uri"}';
  access_log ${join(folder, logs.web)} sighting;
  default_type text/plain;
  server {
    listen 0.0.0.0:${outsidePorts.http} default_server;
    listen 0.0.0.0:${outsidePorts.https} ssl;
    ssl_certificate ${certificates}/d2iq.com.crt;
    ssl_certificate_key ${certificates}/d2iq.com.key;
    location / { return 200 "Hello from $host at $server_addr. You came from $remote_addr.\\n"; }
  }
}
`
}

/** At every address of the outside; tells in its log who connects. */
async function startRedis(node: WorldNode, folder: string): Promise<void> {
  const limits = ['--protected-mode', 'no', '--save', '', '--appendonly', 'no', '--daemonize', 'no', '--dir', folder]
  const log = ['--loglevel', 'verbose', '--logfile', join(folder, logs.redis)]
  const redis = node.spawn('redis-server', ['--port', String(outsidePorts.redis), '--bind', '0.0.0.0', ...limits, ...log], {
    detached: true,
  })
  const ask = ['-h', addresses.redis, '-p', String(outsidePorts.redis), 'ping']
  await until(async () => {
    if (redis.hasEnded) throw new Error(`redis-server ended: ${redis.stdout()}${redis.stderr()}`)
    return (await node.exec('redis-cli', ask)).stdout.includes('PONG')
  }, 'redis-server does not answer')
}

/** Nothing that came before a fence is missing once the fence is in every log: so "nobody came" is known, not guessed after a while. */
function reader(helper: NodeProcess, folder: string): () => Promise<readonly Sighting[]> {
  let number = 0
  let read = lengthsOf(readNotes(folder))
  return async () => {
    number += 1
    const before = readNotes(folder).redis.filter(isOwn).length
    helper.stdin?.write(`fence ${number}\n`)
    await helper.says(`fenced ${number}\n`, fenceMs)
    await until(() => {
      const notes = readNotes(folder)
      return notes.web.some(({ what }) => what.endsWith(`${fencePath}${number}`)) && notes.redis.filter(isOwn).length > before
    }, 'a log of the outside lags behind')
    const notes = readNotes(folder)
    const fresh = [...notes.web.slice(read.web), ...notes.redis.slice(read.redis), ...notes.names.slice(read.names)]
    read = lengthsOf(notes)
    return fresh.filter((sighting) => !isOwn(sighting))
  }
}

function lengthsOf(notes: Notes): Record<keyof Notes, number> {
  return { web: notes.web.length, redis: notes.redis.length, names: notes.names.length }
}

/** What the outside asked of itself. */
function isOwn(sighting: Sighting): boolean {
  return ownAddresses.test(sighting.peer)
}

async function until(done: () => boolean | Promise<boolean>, complaint: string): Promise<void> {
  const deadline = performance.now() + fenceMs
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(complaint)
    await sleep(10)
  }
}
