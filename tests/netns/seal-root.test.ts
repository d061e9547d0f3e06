// Sealed commands with a root directory of their own: what they see of it and of the machine, what they may change, and that it is no way out.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeBusyboxRoot } from '../support/root-directory.ts'
import { buildDriver, identities, type Outcome, type Running, sealed, start, until } from './seal-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-root-'))
const path = join(folder, 'root')
/** Outside of the root directory: nothing inside may read it. */
const secret = join(folder, 'secret')
const listening = net.createServer()

beforeAll(async () => {
  writeFileSync(secret, 'of the machine\n', { mode: 0o644 })
  makeBusyboxRoot(path)
  symlinkSync('/etc', join(path, 'absolute'))
  symlinkSync(`../../../../../..${secret}`, join(path, 'srv/relative'))
  symlinkSync('/', join(path, 'etc/machine'))
  await new Promise<void>((done) => listening.listen(join(path, 'srv/socket'), done))
  chmodSync(join(path, 'srv/socket'), 0o777)
  await buildDriver()
})

afterAll(() => {
  listening.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Not by way of a shell, which ignores signals of its own accord. */
const rights = ['grep', '-E', '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap[A-Z][a-z]+|Sig(Ign|Blk)):', '/proc/self/status']

describe.each(identities)('as $name', (identity) => {
  let running: Running
  const inside = (script: string) => running.exec({ argv: ['sh', '-c', script] })

  beforeAll(async () => {
    const order = { root: { path, isWritable: false, authorities: '/etc/hostname' }, cwd: '/srv', takesOrders: true }
    running = start(['sh', '-c', 'cat greeting; while sleep 1; do :; done'], { identity, order })
    await until('it runs', () => running.stdout() !== '')
  })

  afterAll(async () => {
    running.child.kill('SIGKILL')
    await running.ended
  })

  test('it runs a program of that directory, in that directory, and so does what is started beside it', async () => {
    expect(running.stdout()).toBe('from the root directory\n')
    expect((await inside('pwd; cat greeting; ls /')).stdout.replaceAll('\n', ' ')).toBe(
      '/srv from the root directory absolute bin dev etc lib lib64 proc run srv sys tmp ',
    )
  })

  test('it has the rights, the filter and the signals of a command without one', async () => {
    const [plain, rooted, beside] = await Promise.all([
      sealed(rights, { identity }),
      sealed(rights, { identity, order: { root: { path, isWritable: false } } }),
      running.exec({ argv: rights }),
    ])
    expect(plain.stdout).toContain('NoNewPrivs')
    expect(rooted.stdout).toBe(plain.stdout)
    expect(beside.stdout).toBe(plain.stdout)
  })

  test('names, devices and trusted certificates are the seal’s, whatever is in the directory', async () => {
    const { stdout } = await inside('cat /etc/resolv.conf; head -c 2 /dev/zero | wc -c; cat /etc/ssl/cert.pem; echo x >/dev/full')
    expect(stdout).toBe(
      `${readLines(['# Sallyport', 'nameserver 127.0.0.1', 'search mesh.test'], stdout)}2\n${readFileSync('/etc/hostname', 'utf8')}`,
    )
  })

  test('nothing in it can be changed but what is its own and goes with it', async () => {
    const { stderr, stdout } = await inside(
      'for at in / /etc /srv /bin /sys /proc/sys; do echo x >$at/seal-root-new; done; for at in /tmp /run /dev/shm; do echo x >$at/seal-root-new && echo $at; done',
    )
    expect(stdout).toMatch(/^\/tmp\n\/run\n\/dev\/shm\n$/)
    expect(stderr.match(/can't create/g)).toHaveLength(6)
    expect(existsSync('/tmp/seal-root-new')).toBe(false)
  })

  const out: Record<string, string> = {
    'its absolute path': `cat ${secret}`,
    'a link that goes up': 'cat /srv/relative',
    'an absolute link': 'cat /absolute/hostname',
    'a link in /etc': `cat /etc/machine${secret}`,
    'the way up': `cd /; cat ../../../../..${secret}`,
    'the root of PID 1': `cat /proc/1/root${secret} || cd /proc/1/cwd`,
    'the root of every other process': `for process in /proc/[0-9]*; do cat $process/root${secret} $process/cwd/../../..${secret} && exit 0; done; exit 1`,
    'another root': `chroot /srv /bin/sh`,
    'namespaces of its own': 'unshare -U true || unshare -r true',
    'namespaces of PID 1': 'nsenter -t 1 -m cat /etc/hostname',
    'a mount': 'mount -o remount,rw / || mount -t proc none /srv || umount /etc/resolv.conf',
    'a device': 'mknod /tmp/device b 254 0',
    'a socket that somebody outside listens on': 'test -S /srv/socket',
    'a packet': 'echo x | nc -u -w 1 198.51.100.77 443 && ping -c 1 -w 1 198.51.100.77',
  }

  test('no way out', async () => {
    const scripts = Object.values(out)
    const tried = scripts.map((script, index) => `( ${script} ) >/tmp/said-${index} 2>&1 </dev/null; echo $?`)
    const { stdout } = await inside([...tried, 'cat /tmp/said-*'].join('\n'))
    const codes = stdout.split('\n').slice(0, scripts.length)
    expect(Object.keys(out).filter((_name, index) => !/^[1-9]\d*$/.test(codes[index] ?? ''))).toEqual([])
    expect(stdout).not.toContain('of the machine')
  })

  test('what it sends by TCP lands in the sidecar', async () => {
    await inside('wget -q -O - http://198.51.100.77/')
    expect(running.events().map((event) => event.connection)).toContain('198.51.100.77:80')
  })

  test.runIf(identity === identities[0])(
    'a socket that is opened in it later is covered as well',
    async () => {
      const later = net.createServer()
      await new Promise<void>((done) => later.listen(join(path, 'srv/later'), done))
      await expect.poll(async () => (await inside('test -f /srv/later')).exitCode, { timeout: 20_000, interval: 500 }).toBe(0)
      later.close()
    },
    25_000,
  )

  const ends: Record<string, { argv: readonly string[]; exitCode: number; failure?: string; cwd?: string }> = {
    'its own exit code': { argv: ['sh', '-c', 'exit 7'], exitCode: 7 },
    'a signal': { argv: ['sh', '-c', 'kill -9 $$'], exitCode: 137 },
    'a program of the machine': { argv: ['node'], exitCode: 127, failure: 'exec: "node": executable file not found in $PATH' },
    'a path of the machine': {
      argv: [process.execPath],
      exitCode: 127,
      failure: `exec: "${process.execPath}": stat ${process.execPath}: no such file or directory`,
    },
    'a file that is not executable': { argv: ['/etc/passwd'], exitCode: 126, failure: 'exec: "/etc/passwd": permission denied' },
    'a place that is not there': { argv: ['true'], cwd: '/usr', exitCode: 126, failure: 'chdir to cwd ("/usr") failed: no such directory' },
    'a script that does not say what reads it': { argv: ['/bin/plain-script'], exitCode: 5 },
  }

  test('how what is started beside it ends is told', async () => {
    const told = Object.entries(ends).map(async ([name, { exitCode: _code, failure: _failure, ...order }]) => {
      const outcome = await running.exec(order)
      return [name, outcome.exitCode, outcome.failure]
    })
    expect(await Promise.all(told)).toEqual(Object.entries(ends).map(([name, { exitCode, failure }]) => [name, exitCode, failure]))
  })

  test('there is a terminal for what is started beside it, which is its own', async () => {
    const argv = ['sh', '-c', 'tty; stty size; exec sleep 100']
    const steps = [{ see: '25 81', type: '\x03' }]
    const outcome = await running.exec({ argv, tty: { columns: 81, rows: 25 }, steps })
    expect(outcome).toMatchObject({ exitCode: 130 })
    expect(outcome.stdout).toMatch(/^\/dev\/pts\/[0-9]+\r\n25 81/)
  })
})

const refusedBy = async (order: object): Promise<string> => {
  const { code, events }: Outcome = await sealed(['sh', '-c', 'exit 3'], { order })
  return `${code} ${events.map(({ error }) => error ?? '').join('')}`
}

test('a command that is not in it does not start, and is named as a shell names it', async () => {
  const { code } = await sealed(['no-such'], { order: { root: { path, isWritable: false } } })
  expect(code).toBe(127)
})

test('one that may be changed is changed, but for devices', async () => {
  const order = { root: { path, isWritable: true }, cwd: '/' }
  const { code, stderr } = await sealed(['sh', '-c', 'echo kept >/srv/kept && mknod /srv/device c 1 3; cat /srv/device; exit 3'], { order })
  expect(code).toBe(3)
  expect(stderr).toContain('/srv/device')
  expect(readFileSync(join(path, 'srv/kept'), 'utf8')).toBe('kept\n')
})

test('files of its /etc may be written to, and not be replaced', async () => {
  const order = { root: { path, isWritable: true }, cwd: '/' }
  writeFileSync(join(path, 'etc/settings'), 'a\n', { mode: 0o666 })
  const { code, stderr } = await sealed(['sh', '-c', 'echo b >>/etc/settings && sed -i s/a/c/ /etc/settings'], { order })
  expect(code).toBe(1)
  expect(stderr).toContain('Read-only file system')
  expect(readFileSync(join(path, 'etc/settings'), 'utf8')).toBe('a\nb\n')
})

test('a directory that others could exchange, or that shows what is hidden, is none', async () => {
  expect(await refusedBy({ root: { path, isWritable: false }, hidden: [join(path, 'srv')] })).toMatch(/^125 .*\/srv is in it/)
  expect(await refusedBy({ root: { path: '/usr', isWritable: false } })).toMatch(/^125 .*is in it, which is not for a workload/)
  chmodSync(path, 0o777)
  expect(await refusedBy({ root: { path, isWritable: false } })).toMatch(/^125 .*others may write to/)
  chmodSync(path, 0o755)
})

/** The first lines of a text, when they begin so. */
function readLines(beginnings: readonly string[], text: string): string {
  const lines = text.split('\n').slice(0, beginnings.length)
  expect(lines.map((line, index) => line.startsWith(beginnings[index] ?? ''))).toEqual(beginnings.map(() => true))
  return `${lines.join('\n')}\n`
}
