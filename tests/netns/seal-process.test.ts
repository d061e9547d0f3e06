// The life of a sealed command: how it starts, what signals and the terminal do to it, how it ends, and that nothing is left.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, chmodSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildDriver, driver, identities, type Identity, script, sealed, start, until } from './seal-kit.ts'

let directory = ''

beforeAll(async () => {
  await buildDriver()
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'seal-process-')))
  chmodSync(directory, 0o777)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const codes: Record<string, { command: readonly string[]; code: number; says?: RegExp }> = {
  'its own exit code': { command: ['sh', '-c', 'exit 7'], code: 7 },
  success: { command: ['true'], code: 0 },
  'a signal': { command: ['sh', '-c', 'kill -9 $$'], code: 137 },
  'a name that is not on PATH': { command: ['no-such-command'], code: 127, says: /no-such-command: command not found/ },
  'a file that is not executable': { command: ['/etc/passwd'], code: 126, says: /\/etc\/passwd: not executable/ },
  'a directory': { command: ['/etc'], code: 126, says: /is a directory/ },
}

describe.each(identities)('as $name', (identity) => {
  test.each(Object.entries(codes))('the exit code tells: %s', async (_name, { command, code, says }) => {
    const outcome = await sealed(command, { identity })
    expect(outcome.code).toBe(code)
    if (says) expect(outcome.events.flatMap((event) => event.error ?? []).join()).toMatch(says)
  })

  test('standard input and output are the caller’s', async () => {
    const { stdout, stderr } = await sealed(['sh', '-c', 'cat; echo other >&2'], { identity, input: 'from outside\n' })
    expect(stdout).toBe('from outside\n')
    expect(stderr).toBe('other\n')
  })

  test('the command does not run when the sidecar does not answer the self-test', async () => {
    const marker = join(directory, `ran-${identity.uid}`)
    const outcome = await sealed(['touch', marker], { identity, order: { mute: true } })
    expect(outcome.code).toBe(125)
    expect(outcome.events.flatMap((event) => event.error ?? []).join()).toMatch(
      /failed its own test: TCP over IPv4: the sidecar did not answer/,
    )
    expect(existsSync(marker)).toBe(false)
  })

  test('a signal to the sidecar reaches the command once', async () => {
    const running = start(['sh', '-c', 'trap "echo TERM" TERM; echo up; while sleep 0.1; do :; done'], { identity })
    await until('it is up', () => running.stdout().includes('up'))
    running.child.kill('SIGTERM')
    await until('it has it', () => running.stdout().includes('TERM'))
    await new Promise((done) => setTimeout(done, 500))
    expect(running.stdout()).toBe('up\nTERM\n')
    running.child.kill('SIGKILL')
    await running.ended
  })

  test('orphans are reaped', async () => {
    const leave = `import { spawn } from 'node:child_process'; for (let i = 0; i < 20; i++) spawn('sh', ['-c', '(sleep 0.2 &) ; exit'], { stdio: 'ignore' }); setTimeout(() => {
      const left = (await_ps()).filter((line) => line.includes('Z')); console.log(left.length) }, 2500)
      function await_ps() { const fs = process.getBuiltinModule('node:fs'); return fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n)).map((n) => { try { return fs.readFileSync('/proc/' + n + '/stat', 'utf8').replace(/^.*\\) /, '').slice(0, 1) } catch { return '' } }) }`
    const { stdout } = await sealed(script(leave), { identity })
    expect(stdout.trim()).toBe('0')
  })

  test('a signal to its own process group stays inside', async () => {
    const { stdout, code } = await sealed(['sh', '-c', 'trap "" TERM; kill -TERM 0; echo still here; exit 5'], {
      identity,
      wrap: ['setsid', '--wait'],
    })
    expect([stdout, code]).toEqual(['still here\n', 5])
  })

  test('SIGKILL of the sidecar ends everything within a second, and nothing is left', async () => {
    const mark = `9${Math.floor(Math.random() * 1e6)}`
    const running = start(['sh', '-c', `setsid sleep ${mark} & sleep ${mark}`], { identity })
    await until('it runs', () => processes(mark) >= 2)
    const began = Date.now()
    running.child.kill('SIGKILL')
    await until('all have ended', () => processes(mark) === 0)
    expect(Date.now() - began).toBeLessThan(1500)
    expect(spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout).not.toContain('sallyport')
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('sallyport')
    await running.ended
  })

  test.runIf(identities.length > 1)('when the rules are gone the command is stopped, and the exit code says that we did it', async () => {
    const running = start(['sleep', '60'], { identity })
    await until('it runs', () => running.events().some((event) => event.started))
    const inside = sealedProcess(running.child.pid ?? 0)
    expect(spawnSync('nsenter', ['-t', String(inside), '-n', 'nft', 'flush', 'ruleset']).status).toBe(0)
    const { code, events } = await running.ended
    expect(code).toBe(125)
    expect(events.flatMap((event) => event.note ?? []).join()).toMatch(/the seal is broken.*(chain|rules|packet)/)
  })

  test('the end of the command ends what it left running', async () => {
    const mark = `8${Math.floor(Math.random() * 1e6)}`
    const { code } = await sealed(['sh', '-c', `setsid sleep ${mark} >/dev/null 2>&1 & sleep 0.2; exit 4`], { identity })
    expect(code).toBe(4)
    await until('it is gone', () => processes(mark) === 0, 2000)
  })

  describe('at a terminal', () => {
    test('an interactive shell has job control, without a warning', async () => {
      const outcome = await atTerminal(identity, sealedLine('bash --norc -i'), [
        ['$ ', 'tty\n'],
        ['/dev/console', 'sleep 100\n'],
        [/sleep 100\r\n/, '\x1a', 300],
        ['Stopped', 'fg\n'],
        [/fg\r\n.*sleep 100\r\n/s, '\x03', 300],
        ['$ ', 'echo code $?\n'],
        ['code 130', 'exit 5\n'],
      ])
      expect(outcome.text).not.toMatch(/no job control|cannot set terminal/)
      expect(outcome.code).toBe(5)
    })

    test('Ctrl-C reaches the command once, and the command decides', async () => {
      const command = `sh -c "trap 'echo INT; exit 9' INT; echo up; while sleep 0.1; do :; done"`
      const outcome = await atTerminal(identity, sealedLine(command), [['up\r', '\x03']])
      expect(outcome.text.match(/INT/g)).toHaveLength(1)
      expect(outcome.code).toBe(9)
    })

    test('Ctrl-\\ does not end it behind its back', async () => {
      const command = `sh -c "trap 'echo QUIT' QUIT; echo up; sleep 1; echo on; exit 3"`
      const outcome = await atTerminal(identity, sealedLine(command), [['up\r', '\x1c']])
      expect(outcome.text).toMatch(/QUIT[\s\S]*on/)
      expect(outcome.code).toBe(3)
    })

    test('Ctrl-Z stops the whole job, and fg continues it', async () => {
      // Without a child: a shell that is stopped while it waits in vfork(2) for one does not count as stopped.
      const command = `sh -c "echo up; until [ -e ${directory}/go-${identity.uid} ]; do :; done; exit 6"`
      const outcome = await atTerminal(identity, 'bash --norc -i', [
        ['$ ', `${sealedLine(command)}\n`],
        ['up\r', '\x1a'],
        ['Stopped', `touch ${directory}/go-${identity.uid}; fg; echo code $?\n`],
        ['code 6', 'exit\n'],
      ])
      expect(outcome.code).toBe(0)
    })

    test('a command that stops itself gives the shell back', async () => {
      const outcome = await atTerminal(identity, 'bash --norc -i', [
        ['$ ', `${sealedLine("sh -c 'echo up; kill -STOP $$; echo back; exit 6'")}\n`],
        ['Stopped', 'fg; echo code $?\n'],
        ['code 6', 'exit\n'],
      ])
      expect(outcome.text).toContain('back')
    })

    test('in a pipeline the terminal stays with who reads it, until the command asks', async () => {
      const outcome = await atTerminal(identity, `echo piped | ${sealedLine('sh -c "cat; cat </dev/tty; exit 3"')} | (cat; echo end)`, [
        ['piped\r', 'typed\n\x04'],
      ])
      expect(outcome.text).toMatch(/piped[\s\S]*typed[\s\S]*end/)
    })

    test('the terminal is given back at the end', async () => {
      const outcome = await atTerminal(identity, `sh -c '${sealedLine('bash --norc -ic true')}; head -1; exit 8'`, [
        [/./, 'a line\n', 1500],
      ])
      expect(outcome.text.match(/a line/g)?.length).toBeGreaterThan(1)
      expect(outcome.code).toBe(8)
    })

    test('nothing can be typed into it from inside', async () => {
      const workload = `${process.execPath} -e "
        const koffi = require('koffi'), ioctl = koffi.load(null).func('int ioctl(int, unsigned long, const char*)')
        console.log([ioctl(0, 0x5412, 'x'), koffi.errno(), ioctl(0, 0x541c, 'x'), koffi.errno()].join(' '))"`
      const outcome = await atTerminal(identity, sealedLine(workload), [])
      expect(outcome.text).toContain('-1 1 -1 1')
    })
  })
})

/** Answers a shell: what to wait for, what to type then, and after how many milliseconds. */
type Dialogue = readonly (readonly [expected: string | RegExp, typed: string, after?: number])[]

/** Runs a shell line on a terminal of its own, as script(1) makes it. */
async function atTerminal(identity: Identity, line: string, dialogue: Dialogue): Promise<{ text: string; code: number | null }> {
  const words = [...identity.prefix, 'script', '-qfec', line, '/dev/null']
  const env = {
    PATH: process.env['PATH'],
    HOME: '/tmp',
    TERM: 'xterm',
    PS1: '$ ',
    SHELL: '/bin/sh',
    NODE_PATH: join(driver, '../../../node_modules'),
  }
  const child = spawn(words[0] ?? '', words.slice(1), {
    cwd: join(driver, '..'),
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 40_000,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<number | null>((done) => child.on('close', done))
  let text = ''
  let seen = 0
  child.stdin.on('error', () => undefined)
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  for (const [expected, typed, after = 0] of dialogue) {
    const isThere = () => (typeof expected === 'string' ? text.slice(seen).includes(expected) : expected.test(text.slice(seen)))
    await until(`${String(expected)} in ${JSON.stringify(text.slice(seen))}`, isThere).catch((error: unknown) => {
      child.kill('SIGKILL')
      throw new Error(`${String(error)}; all of it: ${JSON.stringify(text)}`)
    })
    seen = text.length
    if (after > 0) await new Promise((done) => setTimeout(done, after))
    child.stdin.write(typed)
  }
  return { code: await ended, text }
}

/** A shell line; descriptor 3, where the driver reports, leads nowhere. */
function sealedLine(command: string): string {
  const words = command.match(/'[^']*'|"[^"]*"|\S+/g)?.map((word) => word.replace(/^(['"])([\s\S]*)\1$/, '$2')) ?? []
  const order = JSON.stringify({ command: words }).replaceAll("'", `'\\''`)
  return `${process.execPath} ${driver} '${order}' 3>/dev/null`
}

function processes(mark: string): number {
  return spawnSync('pgrep', ['-fc', `^sleep ${mark}$`], { encoding: 'utf8' }).stdout.trim() === ''
    ? 0
    : Number(spawnSync('pgrep', ['-fc', `^sleep ${mark}$`], { encoding: 'utf8' }).stdout)
}

/** The last of the chain of only children: the command inside. */
function sealedProcess(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children[0] === undefined ? pid : sealedProcess(Number(children[0]))
}
