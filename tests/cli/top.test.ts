// Holds `sallyport top` on a terminal, where it draws, obeys keys and gives the terminal back, and without one, where it prints once.
import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spawnProcess } from '../support/node-process.ts'
import { bundled } from '../support/outside-servers.ts'
import { type Files, openFiles, sallyport } from './cli.ts'

let files: Files

beforeAll(() => {
  files = openFiles()
})
afterAll(() => files.remove())

function record(host: string, change: object = {}): string {
  const source = { namespace: 'shop', workload: 'cart', labels: {}, address: '10.0.0.7:40000', authenticated: false }
  const base = {
    id: 'x',
    kind: 'request',
    role: 'sidecar',
    opened: Date.now(),
    closed: Date.now(),
    durationMs: 12,
    source,
    flag: '-',
    status: 200,
  }
  const where = { destination: '240.240.0.1:80', protocol: 'http', host, method: 'GET', requestPath: '/', path: 'direct', redialled: true }
  const what = { verdict: 'allow', reason: { code: 'declared', text: '' }, bytesSent: 100, bytesReceived: 2000 }
  return `${JSON.stringify({ ...base, ...where, ...what, ...change })}\n`
}
const denied = { verdict: 'deny', reason: { code: 'not-declared', text: '' }, status: 403 }

test('on a terminal it draws in place, obeys keys, and gives the terminal back', async () => {
  const path = files.write('live.jsonl', record('first.test'))
  // `script` gives it a terminal, whose keys are what is written here.
  const command = `stty columns 100 rows 20; exec ${process.execPath} ${bundled('bin.js')} top ${path}`
  const running = spawnProcess(['script', '-qec', command, '/dev/null'], { env: { NO_COLOR: '1', TERM: 'xterm' } })
  const limit = setTimeout(() => running.signal('SIGKILL'), 30_000)
  try {
    await running.says('first.test', 20_000)
    appendFileSync(path, record('second.test') + record('evil.test', denied))
    await running.says('second.test', 10_000)
    running.stdin?.write('2')
    await running.says('not-declared evil.test', 10_000)
    running.stdin?.write('s')
    await running.says('by flows', 10_000)
    running.stdin?.write('q')
    expect(await running.ended).toMatchObject({ code: 0 })
    const screen = running.stdout()
    expect(screen.startsWith('\u001b[?1049h\u001b[?25l')).toBe(true)
    expect(screen.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
    // Every frame is drawn over the last one: nothing scrolls, and nothing is wiped before it.
    expect(screen).not.toContain('\u001b[2J')
  } finally {
    clearTimeout(limit)
    running.signal('SIGKILL')
  }
})

test('without a terminal it prints once, and ends', async () => {
  const path = files.write('once.jsonl', record('first.test') + record('first.test') + record('evil.test', denied))
  const { code, stdout, stderr } = await sallyport(['top', path])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^3 flows \(3\.0\/s\) {3}1 denied .*\n\nDESTINATION .*\nfirst\.test +2\.0 +2 +0 /)
  expect(stdout).toMatch(/\nDENIED .*\nnot-declared evil\.test +1\.0 +1 +1 /)
  expect(JSON.parse((await sallyport(['top', '-o', 'json', path])).stdout)).toMatchObject({
    totals: { flows: 3 },
    destinations: [{ key: 'first.test' }, {}],
  })
})

test('a source that is not there is an error', async () => {
  expect(await sallyport(['top', '127.0.0.1:1'])).toMatchObject({ code: 3, stdout: '' })
})
