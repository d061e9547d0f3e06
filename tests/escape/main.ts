// `make escape`: tries to get out of the seal in every way we know, as root and as an ordinary user, and says how many succeeded.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { messageOf } from '../../src/base/index.ts'
import { type InsideOptions, machineSettings, runInside, type Totals } from './inside.ts'

const { values, positionals } = parseArgs({
  options: {
    /** Switches a layer of the seal off, one of `layers` of src/seal: at least one attempt must then get out. */
    without: { type: 'string' },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    /** As which users; all that are possible unless said otherwise. */
    as: { type: 'string' },
    /** A word that is in everything this run leaves behind. */
    nonce: { type: 'string' },
    inside: { type: 'boolean', default: false },
    weak: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

const totalsMark = 'TOTALS '
const nobody = 65_534
/** Neither in nor out: nothing was shown. */
const suiteFailed = 2

try {
  if (values.weak) process.exit(await (await import('./weak-run.ts')).runWeakly(positionals))
  else if (values.inside) await playInside()
  else process.exit(await playOutside())
} catch (error) {
  process.stderr.write(`escape: ${messageOf(error)}\n`)
  process.exit(suiteFailed)
}

async function playInside(): Promise<void> {
  // The first process of a world is attacked, too; its end would be the end of the suite.
  for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => undefined)
  const started = Date.now()
  const options: InsideOptions = {
    dist: import.meta.dirname,
    nonce: values.nonce ?? '',
    log: (text) => values.verbose && process.stderr.write(`${((Date.now() - started) / 1000).toFixed(2)} s ${text}\n`),
    ...(values.without === undefined ? {} : { without: values.without }),
    ...(values.only === undefined ? {} : { only: values.only }),
  }
  const totals = await runInside(options, (line) => process.stdout.write(`${line}\n`))
  process.stdout.write(`${totalsMark}${JSON.stringify(totals)}\n`, () => process.exit(0))
}

async function playOutside(): Promise<number> {
  const started = Date.now()
  const own = process.getuid?.() ?? nobody
  const users = own === 0 ? [0, nobody] : [own]
  const nonce = randomBytes(3).toString('hex')
  const guard = own === 0 ? guardSettings(nonce) : undefined
  const all: Totals[] = []
  for (const uid of users.filter((each) => values.as === undefined || String(each) === values.as)) {
    const hindrance = findHindrance(uid)
    process.stdout.write(
      `${uid === users[0] ? '' : '\n'}As ${uid === 0 ? 'root' : `uid ${uid}`}${hindrance === undefined ? '' : `: cannot be tried on this machine: ${hindrance}`}\n`,
    )
    if (hindrance === undefined) all.push(await playAs(uid, nonce))
  }
  guard?.()
  const sum = (key: keyof Totals): number => all.reduce((total, each) => total + each[key], 0)
  process.stdout.write(`\n${((Date.now() - started) / 1000).toFixed(0)} s\n`)
  if (sum('broken') > 0) process.stdout.write(`${sum('broken')} attempts did not work even without the seal: they prove nothing\n`)
  process.stdout.write(`${sum('attempts')} attempts, ${sum('out')} out\n`)
  if (all.length === 0) return suiteFailed
  return sum('out') > 0 || sum('broken') > 0 ? 1 : 0
}

/** Why this user cannot have a world of its own here; undefined when it can. */
function findHindrance(uid: number): string | undefined {
  const look = 'require("node:fs").readFileSync(process.argv[1])'
  const [program, ...args] = [...becoming(uid), ...unsharing(uid), process.execPath, '-e', look, process.argv[1] ?? '']
  const { status, stderr, error } = spawnSync(program ?? '', args, { encoding: 'utf8', timeout: 10_000 })
  if (status === 0) return undefined
  const said = (
    error?.message ??
    stderr
      .trim()
      .split('\n')
      .find((line) => /rror|denied|permitted|failed/.test(line)) ??
    `exit code ${status}`
  ).trim()
  return `${said} (namespaces must be allowed, and this program and Node.js be readable by that user; \`sallyport doctor\` says more)`
}

/** Only root can play somebody else. */
function becoming(uid: number): readonly string[] {
  return uid !== 0 && process.getuid?.() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'] : []
}

function unsharing(uid: number): readonly string[] {
  const user = uid === 0 ? [] : ['--user', '--map-current-user', '--keep-caps']
  return [
    'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    'unshare',
    ...user,
    '--net',
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--',
  ]
}

/** In namespaces that end with the first process in them, and that with this one. */
function playAs(uid: number, nonce: string): Promise<Totals> {
  const own = process.argv.slice(1)
  const [program, ...args] = [...becoming(uid), ...unsharing(uid), process.execPath, ...own, '--inside', '--nonce', nonce]
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let rest = ''
  let totals: Totals | undefined
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith(totalsMark)) totals = JSON.parse(line.slice(totalsMark.length))
      else process.stdout.write(`${line}\n`)
    }
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (totals !== undefined) resolve(totals)
      else reject(new Error(`the suite as uid ${uid} ended by ${signal ?? `exit code ${code}`} without a result`))
    })
  })
}

/** A process that outlives this one, should it be killed, and puts back those of the machine's settings that this run has changed. */
function guardSettings(nonce: string): () => void {
  const saved = machineSettings().map((path) => ({ path, text: readFileSync(path, 'utf8').replace(/\n$/, '') }))
  const script = `trap '' HUP INT TERM; cat >/dev/null; while [ $# -gt 0 ]; do case "$(cat "$1")" in *${nonce}*) printf '%s\\n' "$2" > "$1";; esac; shift 2; done`
  const guard = spawn('sh', ['-c', script, 'sh', ...saved.flatMap(({ path, text }) => [path, text])], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  return () => guard.stdin.end()
}
