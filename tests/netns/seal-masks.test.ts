// What a real seal hides and forbids: sockets, devices, kernel settings, descriptors, rights.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildDriver, driver, identities, type Identity, script, sealed, start, until } from './seal-kit.ts'

let directory = ''
const servers: net.Server[] = []
const containers: ChildProcess[] = []

beforeAll(async () => {
  await buildDriver()
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'seal-masks-')))
  chmodSync(directory, 0o777)
})

afterEach(async () => {
  for (const child of containers.splice(0)) child.kill('SIGKILL')
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function listenAt(path: string): Promise<net.Server> {
  // Who is killed or refused says no farewell.
  const server = net.createServer((socket) => socket.on('error', () => undefined).end('outside'))
  servers.push(server)
  await new Promise<void>((done) => server.listen(path, done))
  chmodSync(path, 0o777)
  return server
}

/** Says for each path what a connection to it brings. */
function connectTo(...paths: readonly string[]): readonly string[] {
  return script(`
    import net from 'node:net'
    for (const path of ${JSON.stringify(paths)})
      await new Promise((done) => net.connect({ path }).on('data', (d) => console.log(String(d))).on('close', done).on('error', (e) => console.log('refused')))`)
}

describe.each(identities)('as $name', (identity) => {
  test('a socket outside cannot be reached, unless it is exposed', async () => {
    const [hidden, kept] = [join(directory, `hidden-${identity.uid}`), join(directory, `kept-${identity.uid}`)]
    await listenAt(hidden)
    await listenAt(kept)
    const { stdout } = await sealed(connectTo(hidden, kept), { identity, order: { expose: [kept] } })
    expect(stdout.trim().split('\n')).toEqual(['refused', 'outside'])
  })

  test('a second path of the same socket is covered too', async () => {
    const path = join(directory, `alias-${identity.uid}`)
    await listenAt(path)
    const other = join(directory, 'mounted')
    mkdirSync(other, { recursive: true })
    chmodSync(other, 0o777)
    const wrap = [
      'unshare',
      ...(identity.uid === 0 ? [] : ['--user', '--map-current-user', '--keep-caps']),
      '--mount',
      'sh',
      '-c',
      `mount --bind ${directory} ${other} && exec "$@"`,
      'sh',
    ]
    const { stdout, stderr } = await sealed(connectTo(path, join(other, `alias-${identity.uid}`)), { identity, wrap })
    expect(stdout.trim().split('\n'), stderr).toEqual(['refused', 'refused'])
  })

  test('variables that name something outside are dropped, and that is said', async () => {
    const env = { SSH_AUTH_SOCK: '/tmp/agent', DOCKER_HOST: 'unix:///run/docker.sock', KEPT: 'yes' }
    const { stdout, events } = await sealed(['sh', '-c', 'echo $SSH_AUTH_SOCK-$DOCKER_HOST-$KEPT'], { identity, order: { env } })
    expect(stdout.trim()).toBe('--yes')
    expect(events.flatMap((event) => event.note ?? []).join()).toMatch(/DOCKER_HOST, SSH_AUTH_SOCK/)
  })

  test('/run is empty, /dev is short, and terminals are its own', async () => {
    const { stdout } = await sealed(['sh', '-c', 'ls /run; ls /dev/pts; ls /dev'], { identity })
    const [run, pts, ...devices] = stdout.trim().split('\n')
    expect([run, pts]).toEqual(['lock', 'ptmx'])
    expect(devices.filter((name) => /^(sd|vd|nvme|mem|vsock|vhost|kmsg|tty[0-9S]|uinput|net)/.test(name))).toEqual([])
    expect(devices).toEqual(expect.arrayContaining(['null', 'ptmx', 'shm', 'tty', 'urandom']))
  })

  test('kernel settings, control groups and sysrq cannot be changed', async () => {
    const targets = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/net/ipv4/ip_forward',
      '/proc/sysrq-trigger',
      '/sys/kernel/mm/ksm/run',
      '/sys/power/state',
    ]
    const present = targets.filter((path) => existsSync(path))
    const { stdout } = await sealed(
      script(`
      import { openSync } from 'node:fs'
      for (const path of ${JSON.stringify(present)}) try { openSync(path, 'r+'); console.log(path) } catch (e) { console.log(e.code) }`),
      { identity },
    )
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((line) => !['EROFS', 'EACCES'].includes(line)),
    ).toEqual([])
  })

  test('names come from our resolv.conf, which keeps the search list and cannot be written', async () => {
    const { stdout } = await sealed(
      ['sh', '-c', 'cat /etc/resolv.conf; echo nameserver 9.9.9.9 2>/dev/null >/etc/resolv.conf || echo refused'],
      { identity },
    )
    expect(stdout).toMatch(/^nameserver 127\.0\.0\.1\nsearch mesh\.test\nrefused$/m)
  })

  test('inherited descriptors end at the seal', async () => {
    const { stdout } = await sealed(['sh', '-c', 'ls /proc/self/fd'], {
      identity,
      wrap: ['sh', '-c', 'exec 7</etc/passwd 6</etc/hosts; exec "$@"', 'sh'],
    })
    // The fourth is the directory that `ls` reads.
    expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3'])
  })

  test('a TCP connection as standard input and output is passed through a pipe', async () => {
    // Starts the driver with such streams, as inetd does, and plays the client too.
    const inetd = `
      const { spawn } = require('node:child_process'), net = require('node:net')
      const server = net.createServer({ pauseOnConnect: true }, (socket) => {
        const child = spawn(process.argv[1], process.argv.slice(2), { stdio: [socket, socket, 'inherit', 3] })
        child.on('exit', () => { socket.destroy(); server.close() })
      }).listen(0, '127.0.0.1', () => {
        const client = net.connect(server.address().port, '127.0.0.1')
        client.on('data', (d) => process.stdout.write(d)).on('error', () => {})
        client.write('hello')
      })`
    const workload = script(`
      import net from 'node:net'
      const socket = new net.Socket({ fd: 0 })
      console.log(socket._handle.constructor.name)
      socket.once('data', (d) => { console.log('got ' + d); process.exit(0) })`)
    const { stdout, stderr } = await sealed(workload, { identity, wrap: [process.execPath, '-e', inetd] })
    expect(stdout, stderr).toBe('Pipe\ngot hello\n')
  })

  test('a working directory that the seal hides is an error, not a way below the mask', async () => {
    const inRun = '/run/sallyport-test-directory'
    if (identity.uid !== 0) return
    mkdirSync(inRun, { recursive: true })
    const outcome = await sealed(['true'], { identity, cwd: inRun })
    rmSync(inRun, { recursive: true })
    expect(outcome.code).toBe(125)
    expect(outcome.events.flatMap((event) => event.error ?? []).join()).toMatch(/working directory .* cannot be entered inside/)
  })

  test('--read-only and --private-tmp', async () => {
    const data = join(directory, `data-${identity.uid}`)
    mkdirSync(data)
    chmodSync(data, 0o777)
    writeFileSync(join(data, 'file'), 'kept')
    const first = await sealed(['sh', '-c', `cat ${data}/file; (echo x >${data}/new) 2>/dev/null || echo refused`], {
      identity,
      order: { readOnly: [data] },
    })
    expect(first.stdout).toBe('keptrefused\n')
    const swap = `mv ${directory} ${directory}-moved || mv ${data} ${data}-moved || echo held`
    const replaced = await sealed(['sh', '-c', `(${swap}) 2>/dev/null`], { identity, order: { readOnly: [data] } })
    expect(replaced.stdout).toBe('held\n')
    const second = await sealed(['sh', '-c', `ls /tmp | wc -l; touch /tmp/mine && echo written; test -e ${directory} || echo gone`], {
      identity,
      order: { privateTmp: true },
    })
    expect(second.stdout.trim().split('\n')).toEqual(['0', 'written', 'gone'])
    expect(existsSync('/tmp/mine')).toBe(false)
  })

  test('the hosts file is its own, and stays so when the real one is replaced outside', async () => {
    // A world in which the hosts file may be replaced without anybody else noticing.
    const etc = join(directory, `etc-${identity.uid}`)
    const world = [
      'unshare',
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      `cp -r /etc ${etc} 2>/dev/null; mount --bind ${etc} /etc && exec "$@"`,
      'sh',
    ]
    const marker = join(directory, `replaced-${identity.uid}`)
    const inside = `echo 1.2.3.4 poison >>/etc/hosts; grep -c poison /etc/hosts; while ! [ -e ${marker} ]; do sleep 0.1; done; sleep 2.5; grep -c poison /etc/hosts; (mv /etc /etc2 || mv /etc/hosts /etc/h2) 2>/dev/null || echo held`
    const running = start(['sh', '-c', inside], { identity, wrap: world })
    await until('it has written', () => running.stdout().includes('1'))
    expect(readFileSync(join(etc, 'hosts'), 'utf8')).not.toContain('poison')
    writeFileSync(join(etc, 'new'), '127.0.0.1 localhost new\n')
    renameSync(join(etc, 'new'), join(etc, 'hosts'))
    writeFileSync(marker, '')
    running.child.stdin?.end()
    const { stdout } = await running.ended
    expect(stdout.trim().split('\n')).toEqual(['1', '1', 'held'])
    expect(readFileSync(join(etc, 'hosts'), 'utf8')).toContain('new')
  })

  test('rights: no capability but the short list of root, none to be gained', async () => {
    const { stdout } = await sealed(['grep', '-E', '^(Cap|NoNewPrivs|Seccomp:)', '/proc/self/status'], { identity })
    const mask = identity.uid === 0 ? '00000000000000fb' : '0000000000000000'
    const none = '0000000000000000'
    const found = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/:\s+/)),
    )
    expect(found).toEqual({ CapInh: none, CapPrm: mask, CapEff: mask, CapBnd: mask, CapAmb: none, NoNewPrivs: '1', Seccomp: '2' })
  })

  test('PID 1 cannot be read, stopped, or turned into a debugger', async () => {
    const source = `
      import { readFileSync, readlinkSync } from 'node:fs'
      import net from 'node:net'
      for (const read of [() => readFileSync('/proc/1/environ'), () => readlinkSync('/proc/1/root'), () => readlinkSync('/proc/1/fd/0'), () => readFileSync('/proc/1/mem')])
        try { read(); console.log('read') } catch (e) { console.log(e.code) }
      for (const signal of ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'SIGUSR1']) process.kill(1, signal)
      await new Promise((done) => setTimeout(done, 500))
      await new Promise((done) => net.connect(9229, '127.0.0.1', () => console.log('debugger')).on('error', (e) => { console.log(e.code); done() }))`
    const { stdout, code } = await sealed(script(source), { identity })
    expect(stdout.trim().split('\n')).toEqual(['EACCES', 'EACCES', 'EACCES', 'EACCES', 'ECONNREFUSED'])
    expect(code).toBe(0)
  })

  test('a user namespace of its own gives it nothing', async () => {
    const attack =
      'umount /run; umount /proc/sys; mount -t proc proc /mnt; nft flush ruleset; ip link add d0 type dummy; echo 1 >/proc/sys/net/ipv4/ip_forward; ls -A /run; ls /sys/class/net >/dev/null'
    const { stdout, events } = await sealed(['sh', '-c', `unshare -Urm sh -c '${attack}' 2>/dev/null; echo end`], { identity })
    expect(stdout).toMatch(/end\n$/)
    expect(stdout).not.toMatch(/docker|systemd/)
    expect(events.filter((event) => event.error)).toEqual([])
  })
})

describe('as the user that --user names', () => {
  test.runIf(identities.length > 1)('it is that user, with its own home, and nothing of root', async () => {
    const { stdout } = await sealed(
      ['sh', '-c', 'id -u; id -g; echo $USER $HOME; grep -E "^Cap(Eff|Bnd)" /proc/self/status; cat /root/x 2>&1 | tail -1'],
      { order: { user: 'nobody' } },
    )
    expect(stdout).toMatch(/^65534\n65534\nnobody \/nonexistent\nCapEff:\t0+\nCapBnd:\t0+\n.*Permission denied/)
  })

  test.runIf(identities.length > 1)('under sudo it is who called sudo', async () => {
    const { stdout, events } = await sealed(['id', '-u'], { order: { env: { SUDO_USER: 'nobody' } } })
    expect(stdout.trim()).toBe('65534')
    expect(events.flatMap((event) => event.note ?? []).join()).toContain('nobody, who called sudo')
  })

  test.runIf(identities.length > 1)('root keeps what root’s programs need', async () => {
    const file = join(directory, 'owned')
    writeFileSync(file, '')
    const { stdout } = await sealed([
      'sh',
      '-c',
      `chown 33:33 ${file} && stat -c %u ${file}; su nobody -s /bin/sh -c 'id -u'; mknod /tmp/seal-disk b 8 0 2>/dev/null || echo no-device; mount -t tmpfs x /mnt 2>/dev/null || echo no-mount`,
    ])
    expect(stdout.trim().split('\n')).toEqual(['33', '65534', 'no-device', 'no-mount'])
  })
})

test.each(identities)('as $name a socket that is opened later is hidden soon, and that is said', async (identity) => {
  const late = join(directory, `late-${identity.uid}`)
  const waiting = script(`
    import net from 'node:net'
    const end = Date.now() + 20000
    while (Date.now() < end) {
      const answer = await new Promise((done) => net.connect({ path: ${JSON.stringify(late)} }).on('data', (d) => done(String(d))).on('error', (e) => done(e.code)))
      console.log(answer)
      await new Promise((done) => setTimeout(done, 300))
    }`)
  const running = start(waiting, { identity })
  await until('the command runs', () => running.stdout().includes('ENOENT'))
  await listenAt(late)
  await until('it is hidden', () => running.events().some((event) => event.note?.includes(late)), 15_000)
  const before = running.stdout().length
  await until('it is refused', () => /E(ROFS|ACCES|CONNREFUSED)/.test(running.stdout().slice(before)))
  running.child.kill('SIGKILL')
  await running.ended
})

test.each(identities)(
  'as $name what a container binds in a directory of the machine is covered, before the start and later',
  async (identity) => {
    const [early, late] = ['early', 'late'].map((name) => join(directory, `${name}-container-${identity.uid}`))
    await listenInContainer(identity, early ?? '')
    const waiting = script(`
    import net from 'node:net'
    const end = Date.now() + 25000
    const ask = (path) => new Promise((done) => net.connect({ path }).on('data', (d) => done(String(d))).on('error', (e) => done(e.code)))
    while (Date.now() < end) {
      console.log(await ask(${JSON.stringify(early)}), await ask(${JSON.stringify(late)}))
      await new Promise((done) => setTimeout(done, 200))
    }`)
    const running = start(waiting, { identity })
    await until('the command runs', () => running.stdout().includes('ENOENT'))
    await listenInContainer(identity, late ?? '')
    await until('it is hidden', () => running.events().some((event) => event.note?.includes(late ?? '-')), 15_000)
    const before = running.stdout().length
    await until('it is refused', () => / E(ROFS|ACCES|CONNREFUSED)\n/.test(running.stdout().slice(before)))
    expect(running.stdout()).not.toMatch(/^outside /m)
    running.child.kill('SIGKILL')
    await running.ended
  },
)

/** Whose namespaces and paths are others than ours, as Docker has it with -v. */
async function listenInContainer(identity: Identity, path: string): Promise<void> {
  const [at, name] = ['/mnt', basename(path)]
  const server = `require('node:net').createServer((s) => s.on('error', () => 0).end('outside')).listen('${at}/${name}', () => require('node:fs').chmodSync('${at}/${name}', 0o777))`
  const own = ['unshare', ...(identity.uid === 0 ? [] : ['--user', '--map-root-user']), '--net', '--mount', 'sh', '-c']
  const line = [...identity.prefix, ...own, `mount --bind ${directory} ${at} && exec "$@"`, 'sh', process.execPath, '-e', server]
  const [program = '', ...args] = line
  const child = spawn(program, args, { stdio: 'ignore' })
  containers.push(child)
  await until(`${path} is bound`, () => existsSync(path))
}

test('a root of a user namespace seals as root does', async () => {
  const identity = identities.at(-1)!
  const world = ['unshare', '--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const { stdout, events, code } = await sealed(['sh', '-c', 'id -u; cat /proc/sys/kernel/ns_last_pid >/dev/null; exit 3'], {
    identity,
    wrap: world,
    order: { report: true },
  })
  expect(stdout.trim()).toBe('0')
  expect(events.find((event) => event.report)?.report?.ok).toBe(true)
  expect(code).toBe(3)
})

test('where namespaces cannot be made, nothing runs, and the remedy is named', async () => {
  const marker = join(directory, 'ran')
  // Inside a user namespace of which no further one can be made, and without rights in it.
  const wrap = [
    'unshare',
    '--user',
    '--map-root-user',
    'sh',
    '-c',
    'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
    'sh',
  ]
  const { code, events } = await sealed(['touch', marker], { identity: identities.at(-1)!, wrap })
  expect(code).toBe(125)
  expect(events.flatMap((event) => event.error ?? []).join()).toMatch(
    /the seal cannot be made: namespaces: by a user namespace: .*No space left|unshare/,
  )
  expect(existsSync(marker)).toBe(false)
})

test('the driver that these tests run on is the one that was just built', () => {
  expect(existsSync(driver)).toBe(true)
  expect(spawnSync(process.execPath, ['--check', driver]).status).toBe(0)
})

test('servers outside that are started, or started again, while a seal is made are covered before the command runs', async () => {
  const [again, fresh, go] = [join(directory, 'made-again'), join(directory, 'fresh'), join(directory, 'go')]
  const server = await listenAt(again)
  const running = start(connectTo(again, fresh), { order: { startsAfter: go } })
  await until('the seal is open', () => running.events().some(({ opened }) => opened === true))
  await new Promise((done) => server.close(done))
  await listenAt(again)
  await listenAt(fresh)
  writeFileSync(go, '')
  const { code, stdout, events } = await running.ended
  expect(events.flatMap(({ error = [] }) => error)).toEqual([])
  expect(stdout.trim().split('\n')).toEqual(['refused', 'refused'])
  expect(code).toBe(0)
})

test('a server outside that is started again is covered again, and the command goes on', async () => {
  const path = join(directory, 'again')
  let server = await listenAt(path)
  const waiting = script(`
    import net from 'node:net'
    const end = Date.now() + 30000
    while (Date.now() < end) {
      const answer = await new Promise((done) => net.connect({ path: ${JSON.stringify(path)} }).on('data', (d) => done(String(d))).on('error', (e) => done(e.code)))
      console.log(answer)
      await new Promise((done) => setTimeout(done, 50))
    }`)
  const running = start(waiting, {})
  await until('the command runs', () => running.stdout() !== '')
  // So often that every moment of a self-test falls into one without its mask.
  for (let i = 0; i < 14; i++) {
    await new Promise((done) => server.close(done))
    server = await listenAt(path)
    await new Promise((done) => setTimeout(done, 450))
  }
  const before = running.stdout().length
  await until('it is covered', () => /E(ROFS|ACCES|CONNREFUSED)\n$/.test(running.stdout().slice(before)))
  expect(running.child.exitCode).toBeNull()
  running.child.kill('SIGKILL')
  await running.ended
})
