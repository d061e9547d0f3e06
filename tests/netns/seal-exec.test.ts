// Processes that are started beside a sealed command: that they are as sealed as it is, their streams and terminals, and how they end.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patternOf } from './exec-orders.ts'
import { buildDriver, identities, type Running, script, start, until } from './seal-kit.ts'

beforeAll(() => buildDriver())

describe.each(identities)('as $name', (identity) => {
  let running: Running

  beforeAll(async () => {
    const order = { takesOrders: true, env: { MARK: 'the command’s' } }
    running = start(['sh', '-c', 'trap "" HUP; while sleep 1; do :; done'], { identity, order })
    await until('it runs', () => running.events().some((event) => event.started))
  })

  afterAll(async () => {
    running.child.kill('SIGKILL')
    await running.ended
  })

  const ends: Record<string, { argv: readonly string[]; exitCode: number; failure?: string; cwd?: string }> = {
    'its own exit code': { argv: ['sh', '-c', 'exit 7'], exitCode: 7 },
    success: { argv: ['true'], exitCode: 0 },
    'a signal': { argv: ['sh', '-c', 'kill -9 $$'], exitCode: 137 },
    'a name that is not on PATH': { argv: ['no-such'], exitCode: 127, failure: 'exec: "no-such": executable file not found in $PATH' },
    'a path where nothing is': { argv: ['/no/such'], exitCode: 127, failure: 'exec: "/no/such": stat /no/such: no such file or directory' },
    'a file that is not executable': { argv: ['/etc/passwd'], exitCode: 126, failure: 'exec: "/etc/passwd": permission denied' },
    'a directory': { argv: ['/etc'], exitCode: 126, failure: 'exec: "/etc": is a directory' },
    'a place that is not there': { argv: ['true'], cwd: '/no', exitCode: 126, failure: 'chdir to cwd ("/no") failed: no such directory' },
    nothing: { argv: [], exitCode: 126, failure: 'exec: no command' },
    'a name that looks like a variable': { argv: ['A=b'], exitCode: 127, failure: 'exec: "A=b": executable file not found in $PATH' },
    'too much': { argv: ['true', 'x'.repeat(200_000)], exitCode: 126, failure: 'exec: spawn E2BIG' },
  }

  test.each(Object.entries(ends))('how it ends is told: %s', async (_name, { exitCode, failure, ...order }) => {
    const outcome = await running.exec(order)
    expect(outcome).toMatchObject({ exitCode })
    expect(outcome.failure).toBe(failure)
  })

  test('its streams are pipes of its own, which it can open by their names', async () => {
    const argv = ['sh', '-c', 'cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr']
    expect(await running.exec({ argv, stdin: 'in\n' })).toMatchObject({ exitCode: 0, stdout: 'in\nout\n', stderr: 'err\n' })
  })

  test('without an input it reads an end at once', async () => {
    expect(await running.exec({ argv: ['cat'] })).toMatchObject({ exitCode: 0, stdout: '' })
  })

  test('it has the command’s variables, user, groups, rights, filter, namespaces and place, and those that it was given', async () => {
    const look = `cd /proc/$1 2>/dev/null; tr '\\0' '\\n' <environ | grep -v -e ^_= -e ^SHLVL= -e ^OLDPWD= -e ^PWD= | sort
      readlink cwd root; grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap[A-Z][a-z]+):' status; cat cgroup; ls -l ns | sed 's/.*-> //'`
    const command = (await running.exec({ argv: ['pgrep', '-o', '-f', 'sh -c trap'] })).stdout.trim()
    const [itself, other] = await Promise.all(
      ['self', command].map((who) => running.exec({ argv: ['sh', '-c', look, 'look', who] }).then(({ stdout }) => stdout)),
    )
    expect(itself).toContain('MARK=the command’s')
    // The first is looked at by children that have left their place for /proc.
    expect(itself?.replace(/\/proc\/[0-9]+/, '/')).toBe(other)
    const given = await running.exec({ argv: ['sh', '-c', 'echo $MARK $MORE; pwd'], env: { MARK: 'a', MORE: 'b=c' }, cwd: '/usr' })
    expect(given.stdout).toBe('a b=c\n/usr\n')
  })

  test('what its variables have loaded into programs is not loaded before its rights are gone', async () => {
    const { stderr } = await running.exec({ argv: ['cat', '/dev/null'], env: { LD_PRELOAD: '/no/such.so' } })
    // By setsid and by cat, which may do no more than the command; not by setpriv, and not by env.
    expect(stderr.match(/cannot be preloaded/g)).toHaveLength(2)
  })

  const attempts = `
    const net = await import('node:net'), dgram = await import('node:dgram'), fs = await import('node:fs'), os = await import('node:os')
    const tried = {}
    tried.interfaces = Object.keys(os.networkInterfaces()).join()
    tried.tcp = await new Promise((done) => net.connect(80, '198.51.100.77').on('error', (e) => done(e.code)).on('data', (d) => done(String(d).slice(9, 12))))
    tried.udp = await new Promise((done) => dgram.createSocket('udp4').send('x', 443, '198.51.100.77', (e) => done(e?.code)))
    for (const [name, path] of [['settings', '/proc/sys/kernel/core_pattern'], ['init', '/proc/1/mem'], ['environment', '/proc/1/environ']])
      try { fs.closeSync(fs.openSync(path, name === 'environment' ? 'r' : 'r+')); tried[name] = 'open' } catch (e) { tried[name] = 'refused' }
    try { process.kill(1, 'SIGKILL'); tried.kill = 'nothing' } catch (e) { tried.kill = e.code }
    console.log(JSON.stringify(tried))
    process.exit()`

  test('it gets out by none of the simplest ways, and what it tries is the workload’s', async () => {
    const { stdout } = await running.exec({ argv: script(attempts) })
    expect(JSON.parse(stdout)).toMatchObject({
      interfaces: 'lo',
      tcp: '403',
      udp: 'EPERM',
      settings: 'refused',
      init: 'refused',
      environment: 'refused',
    })
    expect(running.events().map((event) => event.connection)).toContain('198.51.100.77:80')
    await until('the packet is counted', () =>
      running.events().some((event) => event.refused?.some(({ destination, port }) => destination === '198.51.100.77' && port === 443)),
    )
    const raw = ['AF_PACKET', 'AF_VSOCK'].map((family) => `python3 -c "import socket; socket.socket(socket.${family}, socket.SOCK_STREAM)"`)
    const enter = ['nsenter -t 1 -n true', 'mount -t tmpfs none /mnt', 'ip link add d type dummy', 'unshare -n true', 'nft flush ruleset']
    for (const line of [...raw, ...enter]) expect(await running.exec({ argv: ['sh', '-c', line] }), line).not.toMatchObject({ exitCode: 0 })
  })

  test('it inherits no descriptor', async () => {
    const { stdout } = await running.exec({ argv: ['sh', '-c', 'ls /proc/$$/fd'] })
    expect(stdout.split(/\s+/).filter((fd) => Number(fd) > 2 && Number(fd) < 10)).toEqual([])
  })

  test.runIf(identity === identities[0])('100 MB pass through it, and who writes waits for who reads', async () => {
    const { exitCode, sha256, unread = 0 } = await running.exec({ argv: ['cat'], megabytes: 100 })
    expect(exitCode).toBe(0)
    expect(sha256).toBe(createHash('sha256').update(patternOf(100)).digest('hex'))
    expect(unread).toBeLessThan(2 << 20)
  })

  test.runIf(identity === identities[0])('of too many at once those are refused that came last', async () => {
    const all = await Promise.all(Array.from({ length: 70 }, () => running.exec({ argv: ['sleep', '0.7'] })))
    expect(all.filter(({ failure }) => failure !== undefined).map(({ failure }) => failure)).toEqual(
      Array.from({ length: 6 }, () => 'exec: 64 processes that were started beside the command are running already'),
    )
    expect(await running.exec({ argv: ['true'] })).toMatchObject({ exitCode: 0 })
  })

  test('what it leaves behind does not keep it from having ended', async () => {
    const { exitCode, stdout } = await running.exec({ argv: ['sh', '-c', 'sleep 31 & echo left; exit 3'] })
    expect([exitCode, stdout]).toEqual([3, 'left\n'])
  })

  test('who is killed goes with what it has started', async () => {
    const steps = [{ see: 'up', kill: true }]
    expect(await running.exec({ argv: ['sh', '-c', 'sleep 4711 & echo up; wait'], steps })).toMatchObject({ exitCode: 137 })
    expect(spawnSync('pgrep', ['-fc', `^sleep 4711$`], { encoding: 'utf8' }).stdout.trim()).toBe('0')
  })

  describe('at a terminal of its own', () => {
    const tty = { columns: 81, rows: 25 }

    test('it is in the seal, and has the size that it was given, also later', async () => {
      const outcome = await running.exec({
        argv: ['bash', '--norc', '-i'],
        env: { PS1: '$ ' },
        tty,
        steps: [
          { see: '$ ', type: 'tty; stty size; ls /dev/pts\n' },
          { see: 'ptmx', resize: { columns: 132, rows: 43 } },
          { see: '$ ', type: 'stty size; echo $TERM\n' },
          { see: 'xterm', type: 'exit 4\n' },
        ],
      })
      expect(outcome.stdout).toMatch(/\/dev\/pts\/[0-9]+\r\n25 81\r\n[\s\S]*43 132\r\n/)
      expect(outcome.stdout).not.toMatch(/no job control|cannot set terminal/)
      expect(outcome.exitCode).toBe(4)
    })

    test('Ctrl-C reaches the foreground job and not the shell', async () => {
      const steps = [
        { see: '$ ', type: 'sleep 100\n' },
        { see: 'sleep 100\r\n', type: '\x03' },
        { see: '$ ', type: 'echo code $?; exit 5\n' },
      ]
      const outcome = await running.exec({ argv: ['bash', '--norc', '-i'], env: { PS1: '$ ' }, tty, steps })
      expect(outcome.stdout).toContain('code 130')
      expect(outcome.exitCode).toBe(5)
    })

    test('Ctrl-C ends it when it is the job itself', async () => {
      expect(
        await running.exec({ argv: ['sh', '-c', 'echo up; exec sleep 100'], tty, steps: [{ see: 'up', type: '\x03' }] }),
      ).toMatchObject({
        exitCode: 130,
      })
    })

    test('what is typed to who does not read is waited with, and everything else goes on', async () => {
      const argv = ['sh', '-c', 'stty raw -echo; echo up; sleep 0.4; head -c 200000 | wc -c']
      const both = [running.exec({ argv, tty, steps: [{ see: 'up', type: 'y'.repeat(200_000) }] }), running.exec({ argv: ['true'] })]
      const [typed, other] = await Promise.all(both)
      expect(typed?.stdout).toContain('200000')
      expect(other?.exitCode).toBe(0)
    })

    test('who is killed there takes its jobs along', async () => {
      const steps = [
        { see: '$ ', type: 'sleep 4712 & sleep 4712\n' },
        { see: '\n', kill: true },
      ]
      const outcome = await running.exec({ argv: ['bash', '--norc', '-i'], env: { PS1: '$ ' }, tty, steps })
      expect(outcome.exitCode).toBe(137)
      await until('they are gone', () => spawnSync('pgrep', ['-fc', `^sleep 4712$`], { encoding: 'utf8' }).stdout.trim() === '0')
    })
  })
})

test('it ends with the workload, and after that nothing is started', async () => {
  const running = start(['sh', '-c', 'read word; exit 6'], { order: { takesOrders: true } })
  await until('it runs', () => running.events().some((event) => event.started))
  const beside = running.exec({ argv: ['sleep', '4713'] })
  await until('the other runs', () => spawnSync('pgrep', ['-fc', '^sleep 4713$'], { encoding: 'utf8' }).stdout.trim() === '1')
  running.child.stdin?.end('go\n')
  expect(await beside).toMatchObject({ exitCode: 137 })
  expect(await running.ended).toMatchObject({ code: 6 })
  expect(spawnSync('pgrep', ['-fc', '^sleep 4713$'], { encoding: 'utf8' }).stdout.trim()).toBe('0')
})
