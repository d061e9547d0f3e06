// Workloads as Pods, by real kubectl against `sallyport serve` and sealed commands that have joined it.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Joined, runJoined } from './joined-run.ts'
import { askApi, hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const data = temporaryDirectory()
const home = temporaryDirectory()
const state = temporaryDirectory()
const all: Joined[] = []
let api: ServedApi
let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

function run(options: readonly string[], command: readonly string[]): Joined {
  const joined = runJoined({ data: data.path, state: state.path }, options, command)
  all.push(joined)
  return joined
}

/** As people type it, without kubectl. */
function sallyport([command = '', ...args]: readonly string[], input: string): Promise<Ran> {
  return new Promise((resolve) => {
    const line = ['dist/bin.js', command, '--kubeconfig', join(data.path, 'kubeconfig'), ...args]
    const child = execFile(process.execPath, line, { timeout: 30_000 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

const ask = async (args: string): Promise<string> => {
  const { out, err } = await kubectl(args.split(' '))
  return `${out}${err}`
}
/** Whatever the process complains of goes with it: a failure then tells why. */
const askOf = async ({ err }: Joined, args: string): Promise<string> => `${await ask(args)}${err()}`
const poll = { timeout: 20_000 }

describe.skipIf(!hasKubectl())('a workload that has joined', () => {
  beforeAll(async () => {
    api = await serveApi(data.path)
    kubectl = kubectlOf(data.path, home.path)
    const script = 'i=0; while :; do i=$((i+1)); echo line $i; [ $i = 20 ] && printf "to stderr\\n" >&2; [ $i -lt 30 ] || sleep 0.2; done'
    run(['--name', 'busybox', '-l', 'app=bb', '--publish', '127.0.0.1:0:8080'], ['sh', '-c', script])
  }, 40_000)
  afterAll(async () => {
    for (const joined of all) joined.kill('SIGKILL')
    await Promise.all(all.map(({ ended }) => ended))
    await api.kill('SIGTERM')
    for (const folder of [data, home, state]) folder.remove()
  })

  it('is there as soon as its command runs', { retry: 0 }, async () => {
    await expect.poll(() => ask('get pods busybox'), poll).toMatch(/busybox +1\/1 +Running/)
  })

  const asked: Record<string, { args: string; code?: number; says: RegExp; isNot?: RegExp }> = {
    'is a Pod with its node, address and labels': {
      args: 'get pods -o wide --show-labels',
      says: /busybox +1\/1 +Running +0 +\d+s +[\d.]+ +here +<none> +<none> +app=bb/,
    },
    'is found by its label': { args: 'get pods -l app=bb -o name', says: /^pod\/busybox\n$/ },
    'is found by its node': { args: 'get pods --field-selector spec.nodeName=here -o name', says: /^pod\/busybox\n$/ },
    'has a node that is ready': { args: 'get nodes', says: /here +Ready/ },
    'waits for what is there': { args: 'wait --for=condition=Ready pod/busybox --timeout=5s', says: /condition met/ },
    'describes itself, and what happened': {
      args: 'describe pod busybox',
      says: /Node: +here\/[^]*Events:(?=[^]*Scheduled)(?=[^]*Started)/,
    },
    'tells what it has written, both streams': { args: 'logs busybox', says: /^(?=[^]*to stderr\n)line 1\n[^]*line 30\n/ },
    'tells the last lines': { args: 'logs busybox --tail=2', says: /^line \d+\nline \d+\n$/ },
    'tells when': { args: 'logs busybox --tail=1 --timestamps', says: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line \d+\n$/ },
    'tells what is new': { args: 'logs busybox --since=1s', says: /^line \d+/, isNot: /line 1\n/ },
    'tells so many bytes': { args: 'logs busybox --limit-bytes=6', says: /^line 1$/ },
    'tells by its label': { args: 'logs -l app=bb --tail=1', says: /^line \d+\n$/ },
    'knows no other container': { args: 'logs busybox -c other', code: 1, says: /container other is not valid for pod busybox/ },
    'has no earlier container': { args: 'logs busybox -p', code: 1, says: /previous terminated container .* not found/ },
    'knows no other Pod': { args: 'logs other', code: 1, says: /pods "other" not found/ },
    'executes something, and has its exit code': {
      args: 'exec busybox -- sh -c echo\thi;exit\t7',
      code: 7,
      says: /^hi\ncommand terminated with exit code 7/,
    },
    'executes something inside its seal': { args: 'exec busybox -- cat /etc/resolv.conf', says: /every question goes to the sidecar/ },
    'cannot execute what is not there': { args: 'exec busybox -- nothing-like-it', code: 127, says: /nothing-like-it[^]*exit code 127/ },
    'executes nothing in another Pod': { args: 'exec other -- true', code: 1, says: /pods "other" not found/ },
    'says what it does not offer: port-forward': { args: 'port-forward busybox 1:1', code: 1, says: /port-forward is not offered/ },
    'says what it does not offer: attach': { args: 'attach busybox', code: 1, says: /attach is not offered/ },
    'is changed in its labels': { args: 'label pod busybox tier=x', says: /labeled/ },
    'is not changed in what was started': {
      args: 'patch pod busybox -p {"spec":{"containers":[{"name":"busybox","image":"other"}]}}',
      code: 1,
      says: /pod updates may not change/,
    },
    'is not made where nothing would run it': { args: 'run other --image=busybox', code: 1, says: /this server runs no Pods/ },
  }
  it.each(Object.entries(asked))('%s', { retry: 0 }, async (_name, { args, code = 0, says, isNot = /^(?!)/ }) => {
    const ran = await kubectl(args.split(' ').map((word) => word.replaceAll('\t', ' ')))
    expect(`${ran.out}${ran.err}`).toMatch(says)
    expect(ran.out).not.toMatch(isNot)
    expect(ran.code).toBe(code)
  })

  it('is followed line by line, until nobody reads', { retry: 0 }, async () => {
    const child = execFile('kubectl', ['logs', '-f', '--tail=1', 'busybox', '--kubeconfig', join(data.path, 'kubeconfig')])
    let said = ''
    child.stdout?.on('data', (text: string) => void (said += text))
    await expect.poll(() => said.split('\n').length, poll).toBeGreaterThan(5)
    child.kill()
    expect(said).toMatch(/^(line \d+\n)+/)
  })

  it('carries what is piped through, a megabyte both ways', { retry: 0 }, async () => {
    const text = 'a line of it\n'.repeat(80_000)
    const { out, code } = await kubectl(['exec', '-i', 'busybox', '--', 'cat'], text)
    expect(code).toBe(0)
    expect(out === text).toBe(true)
  })

  it('has files copied in and out', { retry: 0 }, async () => {
    const [from, to, inside] = [join(home.path, 'from'), join(home.path, 'to'), join(home.path, 'inside')]
    writeFileSync(from, 'content\n')
    expect(await ask(`cp ${from} busybox:${inside}`)).toBe('')
    expect(await ask(`exec busybox -- cat ${inside}`)).toBe('content\n')
    await ask(`cp busybox:${inside} ${to}`)
    expect(readFileSync(to, 'utf8')).toBe('content\n')
  })

  it('gives a terminal of the size of the client’s', { retry: 0 }, async () => {
    const kubeconfig = join(data.path, 'kubeconfig')
    const line = `stty rows 33 cols 77; kubectl --kubeconfig ${kubeconfig} exec -it busybox -- sh -c 'until [ "$(stty size)" = "33 77" ]; do sleep 0.05; done; tty; exit 3'`
    const { out, code } = await new Promise<Ran>((resolve) => {
      const child = execFile('script', ['-qec', line, '/dev/null'], { timeout: 20_000 }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
      child.stdin?.on('error', () => undefined)
    })
    expect(out).toMatch(/\/dev\/pts\/\d+/)
    expect(code).toBe(3)
  })

  it('ends what is executed in it when it ends, and tells who has asked', { retry: 0 }, async () => {
    const brief = run(['--name', 'brief'], ['sleep', '300'])
    await expect.poll(() => askOf(brief, 'get pod brief'), poll).toMatch(/1\/1 +Running/)
    const executed = kubectl(['exec', 'brief', '--', 'sh', '-c', 'echo begun; sleep 300'])
    await expect.poll(() => ask('exec brief -- pgrep -c -f begun'), poll).toMatch(/^[1-9]/)
    expect(await ask('delete pod brief --grace-period=1')).toContain('deleted')
    expect(await executed).toMatchObject({ out: 'begun\n' })
    expect((await executed).code).not.toBe(0)
    await brief.ended
  })

  const own: Record<string, { args: string; input?: string; code?: number; says: RegExp }> = {
    'lists it': { args: 'ps', says: /^NAME +READY +STATUS +RESTARTS +AGE\nbusybox +1\/1 +Running/ },
    'lists it with its node': { args: 'ps -A -o wide -l app=bb', says: /^NAMESPACE +NAME .*NODE.*\ndefault +busybox .* here / },
    'lists nothing of another namespace': { args: 'ps -n kube-system', says: /^No resources found in kube-system namespace\.\n$/ },
    'prints what it has written': { args: 'logs --tail 1 busybox', says: /^line \d+\n$/ },
    'executes in it, with its exit code': {
      args: 'exec busybox -- sh -c echo\thi;exit\t7',
      code: 7,
      says: /^hi\ncommand terminated with exit code 7\n$/,
    },
    'pipes through it': { args: 'exec -i busybox -- cat', input: 'piped\n', says: /^piped\n$/ },
    'says that a Pod is not there': { args: 'exec other -- true', code: 1, says: /pods "other" not found/ },
    'deletes no Pod that is not there': { args: 'rm other', code: 1, says: /pods "other" not found/ },
  }
  it.each(Object.entries(own))('is reached without kubectl: %s', { retry: 0 }, async (_name, { args, input = '', code = 0, says }) => {
    const ran = await sallyport(
      args.split(' ').map((word) => word.replaceAll('\t', ' ')),
      input,
    )
    expect(`${ran.out}${ran.err}`).toMatch(says)
    expect(ran.code).toBe(code)
  })

  it('is deleted without kubectl', { retry: 0 }, async () => {
    const brief = run(['--name', 'gone'], ['sleep', '300'])
    await expect.poll(() => askOf(brief, 'get pod gone'), poll).toMatch(/1\/1 +Running/)
    expect((await sallyport(['rm', 'gone'], '')).out).toBe('pod "gone" deleted\n')
    await brief.ended
    expect(await ask('get pod gone')).toMatch(/not found/)
  })

  it('joins by a token that is good once, and again by the certificate that it was given', { retry: 0 }, async () => {
    const path = '/apis/node.sallyport.dev/v1/namespaces/default/serviceaccounts/web/bootstrap'
    const { body } = await askApi(api, path, { method: 'POST', body: '{}' })
    const made: { readonly status: { readonly token: string } } = JSON.parse(body)
    const tokenFile = join(home.path, 'token')
    writeFileSync(tokenFile, made.status.token)
    const token = ['--token-file', tokenFile, '--ca-file', join(data.path, 'pki/ca.crt'), '--sa', 'web', '--name', 'web']
    for (const text of ['first', 'second']) {
      const web = run(token, ['sh', '-c', `echo ${text}; sleep 300`])
      await expect.poll(() => askOf(web, 'logs web'), poll).toMatch(new RegExp(`^${text}\n`))
      expect(await ask('delete pod web')).toContain('deleted')
      await web.ended
    }
    const other = run([...token, '--ca-dir', home.path], ['true'])
    expect(await other.ended).toBe(125)
    expect(other.err()).toContain('Unauthorized')
  })

  it('cannot be taken for another one', { retry: 0 }, async () => {
    const other = run(['--name', 'busybox'], ['true'])
    expect(await other.ended).toBe(125)
    expect(other.err()).toContain('pod default/busybox runs already, on node here')
  })

  it('has another name when nobody has chosen one and it is in use', { retry: 0 }, async () => {
    const [one, two] = [run([], ['sleep', '300']), run([], ['sleep', '300'])]
    await expect.poll(async () => (await ask('get pods')).match(/sleep\S* +1\/1 +Running/g)?.length, poll).toBe(2)
    expect(`${one.err()}${two.err()}`).toMatch(/this is pod default\/sleep-[a-z\d]{5}: sleep is in use/)
    one.kill('SIGTERM')
    two.kill('SIGTERM')
    await expect.poll(() => ask('get pods -o name'), poll).toBe('pod/busybox\n')
  })

  it('says what is refused to it, the same once and counted', { retry: 0 }, async () => {
    const get = 'curl -s -m 2 -o /dev/null http://169.254.169.254/'
    run(['--name', 'refused'], ['sh', '-c', `${get}; ${get}; ${get}; sleep 300`])
    const events = (): Promise<string> =>
      ask('get events --field-selector involvedObject.name=refused -o jsonpath={range.items[*]}{.reason}={.count}:{.message}{"\\n"}{end}')
    await expect.poll(events, poll).toMatch(/EgressRefused=[1-9]/)
    expect((await events()).match(/EgressRefused/g)).toHaveLength(1)
    expect(await ask('delete pod refused')).toContain('deleted')
  })

  it('is ended by its deletion, also when it does not want to', { retry: 0 }, async () => {
    const stubborn = run(['--name', 'stubborn'], ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'])
    await expect.poll(() => askOf(stubborn, 'get pod stubborn'), poll).toMatch(/1\/1 +Running/)
    const deleting = kubectl(['delete', 'pod', 'stubborn', '--grace-period=2'])
    await expect.poll(() => askOf(stubborn, 'get pod stubborn'), poll).toMatch(/Terminating/)
    expect(await deleting).toMatchObject({ code: 0, out: expect.stringContaining('deleted') })
    expect(await stubborn.ended).not.toBe(0)
    expect(await ask('get pod stubborn')).toMatch(/not found/)
  })

  it('ends when its Pod is taken away by force', { retry: 0 }, async () => {
    const forced = run(['--name', 'forced'], ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'])
    await expect.poll(() => askOf(forced, 'get pod forced'), poll).toMatch(/1\/1 +Running/)
    expect(await ask('delete pod forced --grace-period=0 --force')).toContain('force deleted')
    expect(await forced.ended).not.toBe(0)
  })

  it('goes with its namespace, which waits for it', { retry: 0 }, async () => {
    expect(await ask('create ns shop')).toContain('created')
    const web = run(['-n', 'shop', '--name', 'web'], ['sleep', '300'])
    await expect.poll(() => askOf(web, 'get pods -n shop'), poll).toMatch(/1\/1 +Running/)
    expect(await ask('delete ns shop')).toContain('"shop" deleted')
    await web.ended
  })

  it('is not started in a namespace that is not there', { retry: 0 }, async () => {
    const lost = run(['-n', 'nowhere', '--name', 'web'], ['true'])
    expect(await lost.ended).toBe(125)
    expect(lost.err()).toContain('namespaces "nowhere" not found')
  })

  it('takes over from one that was killed', { retry: 0 }, async () => {
    const first = run(['--name', 'again'], ['sleep', '300'])
    await expect.poll(() => askOf(first, 'get pod again'), poll).toMatch(/1\/1 +Running/)
    first.kill('SIGKILL')
    await first.ended
    run(['--name', 'again'], ['sh', '-c', 'echo second; sleep 300'])
    await expect.poll(() => ask('logs again'), poll).toBe('second\n')
    expect(await ask('delete pod again')).toContain('deleted')
  })

  it('goes on while the server is away, and is in touch when it is back', { retry: 0 }, async () => {
    const { port } = new URL(api.url)
    await api.kill('SIGKILL')
    api = await serveApi(data.path, { listen: `127.0.0.1:${port}` })
    await expect.poll(() => ask('logs busybox --tail=1'), poll).toMatch(/^line \d+\n$/)
    expect(await ask('get pod busybox')).toMatch(/1\/1 +Running +0/)
    const lines = (await ask('logs busybox')).match(/line \d+/g) ?? []
    expect(lines).toEqual(Array.from(lines, (_, i) => `line ${i + 1}`))
  })
})
