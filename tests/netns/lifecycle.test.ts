// Holds what becomes of a sealed command, its sidecar and the machine when one of them ends, fails or runs wild.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { serviceEntry } from '../support/declare.ts'
import { bundled } from '../support/outside-servers.ts'
import { expectFlowsBalanced, openFolder, readFlowCounters, runSidecar, startSidecar, users } from '../support/sidecar.ts'
import { createWorld } from '../support/world.ts'
import { StandardWorld } from '../support/standard-world.ts'

const admin = '127.0.0.1:15021'

const stand = new StandardWorld()
const folder = openFolder()

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function look(command: string): Promise<readonly string[]> {
  return (await stand.w1.exec('sh', ['-c', command])).stdout.split('\n').filter(Boolean).toSorted()
}

/** What has ended and only waits to be taken notice of is written in brackets. */
async function processes(): Promise<readonly string[]> {
  return (await look('exec ps -e -o ppid=,args=')).filter((line) => !line.includes('ps -e') && !/^\s*\d+ \[/.test(line))
}

/** All that a seal makes of the kernel, as the node sees it; the world's own process ids make it blind to the rest of the machine. */
async function inventory(): Promise<Readonly<Record<string, readonly string[]>>> {
  return {
    namespaces: await look('lsns -rn -o NS,TYPE'),
    rules: await look('nft list ruleset'),
    mounts: await look('cut -d" " -f3- /proc/self/mountinfo'),
    processes: await processes(),
    temporary: readdirSync(folder).toSorted(),
  }
}

describe.each(Object.entries(users))('as %s', (_name, user) => {
  const ends: Record<string, { signal: NodeJS.Signals; ends: object }> = {
    'a killed sidecar takes the command with it and leaves nothing on the machine': {
      signal: 'SIGKILL',
      ends: { signal: 'SIGKILL' },
    },
    'a terminated sidecar terminates the command, ends with its code and leaves nothing on the machine': {
      signal: 'SIGTERM',
      ends: { code: 143 },
    },
  }
  test.each(Object.entries(ends))('%s', async (_sentence, { signal, ends: ending }) => {
    const before = await inventory()
    const marker = `sleep 98765${process.pid % 10}`
    // A child in a session of its own, and a connection that lives.
    const script = `setsid ${marker} & busybox nc 203.0.113.10 7000 < /dev/zero > /dev/null & echo up; ${marker}`
    const declarations = serviceEntry({ host: 'e.test', port: 7000, protocol: 'TCP', resolution: 'NONE', addresses: ['203.0.113.10'] })
    const sidecar = startSidecar(stand.w1, { declarations, command: ['sh', '-c', script], env: { TMPDIR: folder }, ...user })
    await sidecar.running.says('up')
    const during = await inventory()
    expect(during['namespaces']?.length).toBeGreaterThan(before['namespaces']?.length ?? 0)
    expect(during['processes']?.filter((line) => line.includes(marker)).length).toBeGreaterThan(1)
    const killed = performance.now()
    sidecar.running.signal(signal)
    await expect.poll(() => processes(), { timeout: 3000, interval: 20 }).toEqual(before['processes'])
    expect(performance.now() - killed).toBeLessThan(1000)
    expect(await sidecar.finish()).toMatchObject(ending)
    expect(await inventory()).toEqual(before)
  })

  const codes: Record<string, { command: readonly string[]; code: number; says?: RegExp }> = {
    'its success': { command: ['true'], code: 0 },
    'its own code': { command: ['sh', '-c', 'exit 7'], code: 7 },
    'the signal that ended it': { command: ['sh', '-c', 'kill -TERM $$'], code: 143 },
    'that it may not be executed': {
      command: ['/etc/passwd'],
      code: 126,
      says: /\/etc\/passwd.*(permission denied|not executable|EACCES)/i,
    },
    'that it is not found': { command: ['/no/such/program'], code: 127, says: /\/no\/such\/program.*(not found|no such file)/i },
    'that it is not found in PATH': { command: ['no-such-program-at-all'], code: 127, says: /no-such-program-at-all.*not found/i },
  }
  test.each(Object.entries(codes))('the exit code tells %s', async (_sentence, { command, code, says }) => {
    const result = await runSidecar(stand.w1, { command, ...user })
    expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code, stderr: expect.stringMatching(says ?? /^/) })
  })
})

describe('a command that cannot be sealed', () => {
  const ran = join(folder, 'ran')
  const command = `${process.execPath} ${bundled('bin.js')} run -- touch ${ran}`

  const lacking: Record<string, { script: string; says: readonly RegExp[] }> = {
    'for lack of nft': {
      script: `mount --bind /dev/null "$(command -v nft)" && ${command}`,
      says: [/the seal needs `nft`/, /fix: .*nftables/],
    },
    'for lack of a rule set that holds': {
      script: `printf '#!/bin/sh\\necho no such table >&2; exit 1\\n' > ${folder}/nft && chmod 755 ${folder}/nft && mount --bind ${folder}/nft "$(command -v nft)" && ${command}`,
      says: [/capture/, /no such table/, /fix: .*nftables/],
    },
    'for lack of user namespaces': {
      script: `echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all -- ${command}`,
      says: [/namespaces/, /fix: .*user\.max_user_namespaces/],
    },
    'for lack of a user that is asked for': { script: command.replace('run --', 'run --user nobody-at-all --'), says: [/nobody-at-all/] },
    'for lack of a file of declarations': {
      script: command.replace('run --', 'run -f /no/such/folder --'),
      says: [/\/no\/such\/folder/],
    },
    'for lack of a path that was to be exposed': {
      script: command.replace('run --', 'run --expose /no/such/socket --'),
      says: [/\/no\/such\/socket/, /fix: /],
    },
    'for lack of a free port to publish': {
      script: `busybox httpd -f -p 18090 & sleep 0.3; ${command.replace('run --', 'run --publish 18090:80 --')}`,
      says: [/18090/],
    },
    'for lack of a free port of the admin server': {
      script: `busybox httpd -f -p 127.0.0.1:18091 & sleep 0.3; ${command.replace('run --', 'run --admin 127.0.0.1:18091 --')}`,
      says: [/18091/, /fix: /],
    },
  }
  test.each(Object.entries(lacking))('%s never starts, and it is said what to do', async (_sentence, { script, says }) => {
    // In a world of its own kind: what is taken away here is missing nowhere else.
    const small = await createWorld({ nodes: { one: { addresses: ['198.18.0.9/24'] } } }, { rootless: true })
    try {
      const { code, stderr } = await small.node('one').exec('unshare', ['--mount', 'sh', '-c', script])
      expect({ code, stderr }).toMatchObject({ code: 125 })
      for (const words of says) expect(stderr).toMatch(words)
      expect(existsSync(ran)).toBe(false)
    } finally {
      await small.close()
    }
  })
})

test.each(Object.entries(users))(
  'files that select a gateway without its address have it run beside the sidecar, as %s',
  async (_name, user) => {
    const before = await inventory()
    const declarations = readFileSync(join(import.meta.dirname, '../oracle/testdata/a01-d2iq-4-gateway/input.yaml'), 'utf8')
    const command = ['sh', '-c', 'curl -sS -m 10 http://d2iq.com/ && echo up && sleep 60']
    const sidecar = startSidecar(stand.w1, { declarations, command, env: { TMPDIR: folder }, ...user })
    await sidecar.running.says('up')
    expect(sidecar.running.stderr()).toContain('gateway istio-system/istio-egressgateway')
    // The gateway writes its record when the response has ended, in a process of its own.
    const requests = () => sidecar.records().filter(({ kind }) => kind === 'request')
    await expect.poll(() => requests().length).toBe(2)
    const [inner, outer] = ['sidecar', 'gateway'].map((role) => requests().find((record) => record.role === role))
    expect(inner).toMatchObject({ verdict: 'allow', path: 'gateway', host: 'd2iq.com', by: { name: 'd2iq-by-gateway' } })
    expect(outer).toMatchObject({ verdict: 'allow', path: 'direct', host: 'd2iq.com', parent: inner?.id, upstream: '203.0.113.10:80' })
    sidecar.running.signal('SIGKILL')
    await sidecar.running.ended
    await expect.poll(inventory, { timeout: 2000 }).toEqual(before)
    await sidecar.finish()
  },
)

describe('a workload that runs wild', () => {
  const flood = `const s = require('dgram').createSocket('udp4'); let sent = 0, refused = 0
    const [many, last] = [Number(process.argv[1]), Number(process.argv[2])]
    const next = () => { if (sent === last) { console.log(refused); return s.close() }
      const n = sent++; s.send('x', 1000 + (n % many), '203.0.113.9', (e) => { if (e) refused++; next() }) }
    next()`

  test('by UDP to one destination has every packet refused and counted', async () => {
    const { stdout, records } = await runSidecar(stand.w1, { command: [process.execPath, '-e', flood, '1', '20000'] })
    expect(stdout).toBe('20000\n')
    const refused = records.filter(({ kind }) => kind === 'packets')
    expect(refused.every(({ destination, reason }) => destination === '203.0.113.9:1000' && reason.code === 'protocol-not-carried')).toBe(
      true,
    )
    expect(refused.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(20_000)
    expect(refused.length).toBeLessThan(20)
  })

  test('by UDP to many destinations makes a bounded number of records', async () => {
    const { stdout, records } = await runSidecar(stand.w1, { command: [process.execPath, '-e', flood, '20000', '60000'] })
    expect(stdout).toBe('60000\n')
    const refused = records.filter(({ kind }) => kind === 'packets')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(10_000)
  })

  /** Whoever is given memory uses it before cleaning up, and would look as if it leaked. */
  const smallHeap = { NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=4' }
  const connector = `const net = require('net'); const [total, width] = [Number(process.argv[1]), 64]
    const run = (total) => new Promise((done) => { let begun = 0, ended = 0, answered = 0
      const next = () => { if (begun === total) return; const n = begun++
        const s = net.connect({ port: 7000 + (n % 3), host: '203.0.113.' + (1 + n % 200) }); let got = false
        s.on('data', () => { if (!got) { got = true; answered++; s.end() } }); s.on('error', () => {}); s.write('x')
        s.on('close', () => { ended++; if (ended === total) done(answered); else next() }) }
      for (let i = 0; i < width; i++) next() })
    process.stdin.on('data', async (line) => console.log('answered', await run(Number(line)), 'of', Number(line)))`

  test('by 50,000 short connections makes the sidecar no bigger', { timeout: 450_000 }, async () => {
    const command = [process.execPath, '-e', connector]
    const sidecar = startSidecar(stand.w1, { outbound: 'ALLOW_ANY', options: ['--admin', admin], command, env: smallHeap })
    const rounds = async (count: number): Promise<number> => {
      const line = `answered ${count} of ${count}`
      sidecar.running.stdin?.write(`${count}\n`)
      await sidecar.running.says(line, 200_000)
      await expectFlowsBalanced(stand.w1, admin)
      return residentKilobytes(sidecar.running.innerPid())
    }
    // By then the heap has the size that this much at once needs.
    const warm = await rounds(20_000)
    const after = await rounds(30_000)
    expect(after - warm).toBeLessThan(12_000)
    expect(await readFlowCounters(stand.w1, admin)).toMatchObject({ recorded: 50_000 })
    sidecar.running.stdin?.end()
    sidecar.running.signal('SIGTERM')
    await sidecar.finish()
  })
})

function residentKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
