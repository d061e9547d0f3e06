// Kills a server that runs Pods: the next one takes up what it has left, and nothing of it stays on the machine.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

const data = temporaryDirectory()
const home = temporaryDirectory()
const temporary = temporaryDirectory()
const poll = { timeout: 40_000 }
const asNode = { more: ['--node', 'here'] }
let api: ServedApi
let kubectl: (args: readonly string[], input?: string) => Promise<Ran>

const ask = async (args: string): Promise<string> => {
  const { out, err } = await kubectl(args.split(' '))
  return `${out}${err}`
}
const uidOf = (name: string): Promise<string> => ask(`get pod ${name} -o jsonpath={.metadata.uid}`)

function podOf(name: string, command: readonly string[]): string {
  const spec = { containers: [{ name: 'main', image: 'busybox', command }] }
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
}

const processes = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}

const processOf = (uid: string): number | undefined => processes().find((pid) => textOf(pid, 'cmdline').split('\0').includes(uid))
const startOf = (pid: number): string =>
  textOf(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')[19] ?? ''
const isZombie = (pid: number): boolean => / Z /.test(textOf(pid, 'stat').replace(/^.*\)/s, ''))

/** With all that they have started; a number may be another process's later. */
function treeOf(roots: readonly number[]): readonly { readonly pid: number; readonly start: string }[] {
  const tree = roots.flatMap((pid) => [pid, ...childrenOf(pid)])
  return tree.map((pid) => ({ pid, start: startOf(pid) }))
}

function childrenOf(pid: number): readonly number[] {
  const own = textOf(pid, `task/${pid}/children`).trim().split(/\s+/).filter(Boolean).map(Number)
  return own.flatMap((child) => [child, ...childrenOf(child)])
}

const left = (tree: ReturnType<typeof treeOf>): readonly string[] =>
  tree
    .filter(({ pid, start }) => startOf(pid) === start && !isZombie(pid))
    .map(({ pid }) => `${pid} ${textOf(pid, 'cmdline').replaceAll('\0', ' ')}`)

/** A namespace lasts as long as its processes, unless somebody has given it a name. */
const namedNamespaces = (): readonly string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('nsfs '))
const folders = (): readonly string[] => readdirSync(temporary.path).filter((name) => name.startsWith('sallyport-node-'))
const rules = (): string => spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).stdout

describe.skipIf(!hasKubectl())('a server with Pods that is killed', () => {
  beforeAll(async () => {
    process.env['TMPDIR'] = temporary.path
    api = await serveApi(data.path, asNode)
    kubectl = kubectlOf(data.path, home.path)
    const ignores = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done']
    const pods = [podOf('steady', ['sleep', 'infinity']), podOf('stubborn', ignores), podOf('orphan', ['sleep', 'infinity'])]
    expect((await kubectl(['apply', '-f', '-'], pods.join('\n---\n'))).err).toBe('')
  }, 60_000)

  afterAll(async () => {
    await api.kill('SIGTERM')
    for (const folder of [data, home, temporary]) folder.remove()
  })

  it('has its Pods run again, those gone that were deleted, and nothing left', { retry: 0 }, async () => {
    await expect.poll(async () => (await ask('get pods')).match(/1\/1 +Running +0/g)?.length, poll).toBe(3)
    const names = ['steady', 'stubborn', 'orphan']
    const uids = await Promise.all(names.map(uidOf))
    const roots = uids.flatMap((uid) => processOf(uid) ?? [])
    expect(roots).toHaveLength(names.length)
    const [tree, had] = [treeOf(roots), [rules(), namedNamespaces()]]
    const listen = `127.0.0.1:${new URL(api.url).port}`

    expect(await ask('delete pod stubborn --wait=false --grace-period=2')).toContain('deleted')
    await api.kill('SIGKILL')
    // One of them hears nothing while its Pod is taken away by a server that runs none.
    const [orphan = 0] = roots.slice(-1)
    process.kill(orphan, 'SIGSTOP')
    api = await serveApi(data.path, { listen })
    expect(await ask('delete pod orphan --grace-period=0 --force')).toContain('deleted')
    await api.kill('SIGKILL')
    process.kill(orphan, 'SIGCONT')

    api = await serveApi(data.path, { ...asNode, listen })
    await expect.poll(() => ask('get pods --no-headers'), poll).toMatch(/^steady +1\/1 +Running +1 [^\n]*\n$/)
    expect(await ask('exec steady -- echo executed')).toBe('executed\n')
    await expect.poll(() => left(tree), poll).toEqual([])
    expect([rules(), namedNamespaces()]).toEqual(had)
    expect(folders()).toHaveLength(1)
    const last = treeOf([processOf(await uidOf('steady')) ?? 0])
    await api.kill('SIGTERM')
    expect(left(last)).toEqual([])
    expect(folders()).toEqual([])
  })
})
