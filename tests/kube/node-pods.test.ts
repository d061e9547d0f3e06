// Pods that are applied to a server and run on its own machine, by real kubectl: what they run, how they end and begin again, and what is refused by name.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeBusyboxRoot } from '../support/root-directory.ts'
import { hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const data = temporaryDirectory()
const home = temporaryDirectory()
const roots = temporaryDirectory()
const poll = { timeout: 40_000 }
let api: ServedApi
let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

interface Wanted {
  readonly command?: readonly string[]
  readonly spec?: object
  readonly container?: object
}

/** YAML is a superset of JSON. */
function podOf(name: string, { command = ['sleep', 'infinity'], spec = {}, container = {} }: Wanted = {}): string {
  const containers = [{ name: 'main', image: 'busybox', command, ...container }]
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { containers, ...spec } })
}

const apply = (name: string, wanted: Wanted = {}): Promise<Ran> => kubectl(['apply', '-f', '-'], podOf(name, wanted))

const ask = async (...args: readonly string[]): Promise<string> => {
  const { out, err } = await kubectl(args)
  return `${out}${err}`
}

const field = (name: string, path: string): Promise<string> => ask('get', 'pod', name, '-o', `jsonpath={${path}}`)

const busybox = {
  command: ['sh', '-c', 'echo begun; exec sleep infinity'],
  container: {
    env: [
      { name: 'A', value: 'a b' },
      { name: 'B', value: '$(A)!' },
    ],
  },
}

const ends = [
  ['done', 'echo first; echo all done; exit 0', 'Succeeded', '0 Completed'],
  ['broken', 'echo why >&2; exit 3', 'Failed', '3 Error'],
] as const

describe.skipIf(!hasKubectl())('on the server’s own machine', () => {
  beforeAll(async () => {
    api = await serveApi(data.path, { more: ['--node', 'here'] })
    kubectl = kubectlOf(data.path, home.path)
    // All at once: each takes a moment to start, and its test looks what has become of it.
    const once = { restartPolicy: 'Never' }
    const pods = [
      podOf('busybox', busybox),
      podOf('stubborn', { command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'], spec: { terminationGracePeriodSeconds: 2 } }),
      podOf('looping', { command: ['sh', '-c', 'cat /proc/sys/kernel/random/uuid; exit 4'] }),
      ...ends.map(([name, script]) => podOf(name, { command: ['sh', '-c', script], spec: once })),
    ]
    const { err } = await kubectl(['apply', '-f', '-'], pods.join('\n---\n'))
    expect(err).toBe('')
  }, 40_000)

  afterAll(async () => {
    await api.kill('SIGTERM')
    data.remove()
    home.remove()
    roots.remove()
  })

  it('a Pod runs as a sealed workload, with its variables and the names of its image’s programs', async () => {
    await expect.poll(() => ask('get', 'pod', 'busybox', '-o', 'wide'), poll).toMatch(/busybox +1\/1 +Running +0 .* here /)
    const script = 'echo $HOSTNAME $A $B $HOME; command -v telnet; grep -o [a-z0-9]*: /proc/net/dev'
    expect(await ask('exec', 'busybox', '--', 'sh', '-c', script)).toMatch(/^busybox a b a b! \S+\n\S+\/telnet\nlo:\n$/)
    await expect.poll(() => ask('describe', 'pod', 'busybox'), poll).toMatch(/Started/)
    expect(await field('busybox', '.status.containerStatuses[0].name')).toBe('main')
    expect(await ask('logs', 'busybox')).toBe('begun\n')
    expect(await ask('logs', '-p', 'busybox')).toContain('previous terminated container "main" in pod "busybox" not found')
  })

  it('what the server proves itself with is not seen inside', async () => {
    const { out } = await kubectl(['exec', 'busybox', '--', 'sh', '-c', `ls ${data.path}; cat ${data.path}/kubeconfig`])
    expect(out).toBe('')
  })

  it('the same manifest changes nothing, and another one is refused', async () => {
    expect((await apply('busybox', busybox)).out).toBe('pod/busybox unchanged\n')
    expect((await apply('busybox', { ...busybox, command: ['sleep', '5'] })).err).toMatch(/spec: Forbidden: pod updates may not change/)
  })

  it('who ignores SIGTERM is ended after its grace, and its Pod is gone', async () => {
    await expect.poll(() => field('stubborn', '.status.phase'), poll).toBe('Running')
    const began = Date.now()
    expect(await ask('delete', 'pod', 'stubborn')).toContain('"stubborn" deleted')
    expect(Date.now() - began).toBeGreaterThan(1500)
    expect(await ask('get', 'pod', 'stubborn')).toContain('not found')
  })

  it.each(ends)('a Pod that is run once ends as its command does: %s', async (name, _script, phase, terminated) => {
    await expect.poll(() => field(name, '.status.phase'), poll).toBe(phase)
    const path = '.status.containerStatuses[0].state.terminated'
    expect(`${await field(name, `${path}.exitCode`)} ${await field(name, `${path}.reason`)}`).toBe(terminated)
  })

  it('what it has written last is told when its process has gone', async () => {
    expect(await ask('logs', 'done')).toBe('first\nall done\n')
    expect(await ask('logs', '-f', '--tail=1', '--timestamps', 'done')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z all done\n$/)
    expect(await ask('logs', 'broken')).toBe('why\n')
  })

  it('who fails is started again, at once and then later, which is told', async () => {
    await expect.poll(() => ask('get', 'pod', 'looping'), poll).toMatch(/CrashLoopBackOff +[2-9]/)
    expect(await field('looping', '.status.containerStatuses[0].lastState.terminated.exitCode')).toBe('4')
    await expect
      .poll(() => ask('describe', 'pod', 'looping'), poll)
      .toMatch(/BackOff .*Back-off restarting failed container main in pod looping/)
    const [last, before] = await Promise.all([ask('logs', 'looping'), ask('logs', '--previous', 'looping')])
    expect(last).toMatch(/^[\da-f-]{36}\n$/)
    expect(before).toBe(last)
    const uid = await field('looping', '.metadata.uid')
    const logs = join(data.path, 'logs', uid)
    expect(readdirSync(logs).length).toBeLessThanOrEqual(2)
    expect(await ask('delete', 'pod', 'looping', '--timeout=5s')).toContain('deleted')
    await expect.poll(() => existsSync(logs), poll).toBe(false)
    expect(await ask('get', 'pod', 'looping')).toContain('not found')
  })

  it('a manifest with the sidecar in it runs as well', async () => {
    const plain = podOf('injected')
    const injected = spawnSync(process.execPath, ['dist/bin.js', 'kube-inject', '-f', '-'], { input: plain, encoding: 'utf8' })
    expect(injected.stdout).toContain('istio-proxy')
    expect((await kubectl(['apply', '-f', '-'], injected.stdout)).out).toBe('pod/injected created\n')
    await expect.poll(() => field('injected', '.status.phase'), poll).toBe('Running')
  })

  it('what cannot be carried out is refused with its field, and what is left out is warned of', async () => {
    const { code, err } = await apply('refused', { spec: { hostNetwork: true }, container: { image: 'quay.io/acme/app' } })
    expect(code).toBe(1)
    expect(err).toContain('spec.hostNetwork: Forbidden: the workload is sealed')
    expect(err).toContain('spec.containers[0].image: Unsupported value: "quay.io/acme/app": supported values: "busybox"')
    const warned = await apply('warned', { container: { livenessProbe: { tcpSocket: { port: 80 } } } })
    expect(warned.err).toContain('Warning: spec.containers[0].livenessProbe: it is not probed')
    expect(await ask('get', 'pod', 'refused')).toContain('not found')
    await ask('delete', 'pod', 'warned', '--force', '--grace-period=0')
  })

  it('a Pod has a directory of the machine as its root, where its annotation names one', async () => {
    const path = join(roots.path, 'root')
    makeBusyboxRoot(path)
    const rooted = (name: string, root: string): string => {
      const containers = [{ name: 'main', image: 'acme/anything', command: ['sh', '-c', 'cat greeting; sleep 1000'], workingDir: '/srv' }]
      return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, annotations: { 'sallyport.dev/rootfs': root } },
        spec: { containers },
      })
    }
    const injected = spawnSync(process.execPath, ['dist/bin.js', 'kube-inject', '-f', '-'], {
      input: rooted('rooted', path),
      encoding: 'utf8',
    })
    expect((await kubectl(['apply', '-f', '-'], injected.stdout)).out).toBe('pod/rooted created\n')
    await expect.poll(() => ask('logs', 'rooted'), poll).toBe('from the root directory\n')
    expect(await ask('exec', 'rooted', '--', 'sh', '-c', 'pwd; echo x >/srv/new || echo $HOME $PATH')).toMatch(/^\/srv\n\/ \S*:\/bin\n/)
    const { err } = await kubectl(['apply', '-f', '-'], rooted('refused', data.path))
    expect(err).toContain(`metadata.annotations[sallyport.dev/rootfs]: Forbidden: "${data.path}": it is in`)
    await ask('delete', 'pod', 'rooted', '--wait=false')
  })

  it('only who may do everything has commands run on this machine', async () => {
    await ask('create', 'rolebinding', 'editors', '--clusterrole=edit', '--serviceaccount=default:robot', '-n', 'default')
    await ask('create', 'serviceaccount', 'robot', '-n', 'default')
    const token = (await ask('create', 'token', 'robot')).trim()
    const { code, err } = await kubectl(
      ['--kubeconfig', '/dev/null', '--server', api.url, '--insecure-skip-tls-verify', '--token', token, 'create', '-f', '-'],
      podOf('mine'),
    )
    expect(code).toBe(1)
    expect(err).toMatch(/forbidden: .*administrator/)
  })

  it('ends with the server, and goes on with the next', async () => {
    await api.kill('SIGTERM')
    api = await serveApi(data.path, { more: ['--node', 'here'] })
    await expect.poll(() => ask('get', 'pod', 'busybox'), poll).toMatch(/busybox +1\/1 +Running +1 /)
    expect(await field('done', '.status.phase')).toBe('Succeeded')
    expect(await ask('logs', 'done')).toBe('first\nall done\n')
    await expect.poll(() => ask('logs', 'busybox'), poll).toBe('begun\n')
    expect(await ask('logs', '-p', 'busybox')).toBe('begun\n')
  })
})
