// Plays the commands of people by every kubectl of the machine against `sallyport serve`, and holds what is printed, and asked for, to what a kube-apiserver made it print and ask.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tellCounts } from '../support/counts.ts'
import { commandCases, differences } from './command-cases.ts'
import { findKubectls, type Kubectl, runKubectl } from './kubectls.ts'
import { witnessPrograms } from './real-api.ts'
import { realAnswers } from './recordings.ts'
import { startRequestLog } from './request-log.ts'
import { hasKubectl, type Ran, type Reached, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

/** What a command printed, and what it asked for. */
interface Answered extends Ran {
  readonly requests: readonly string[]
}

/** By kubectl, then by command. */
type Played = Readonly<Record<string, Readonly<Record<string, Answered>>>>

const all = hasKubectl() ? findKubectls() : []
/** Every one beside a live kube-apiserver; beside what was recorded those that differ most: the one on PATH, the oldest and the newest. */
const kubectls = witnessPrograms === undefined ? all.filter((_, index) => index < 2 || index === all.length - 1) : all

describe.skipIf(kubectls.length === 0)('what kubectl prints', () => {
  const data = temporaryDirectory()
  let served: ServedApi
  let recorded: Played
  let ours: Played

  beforeAll(async () => {
    recorded = await realAnswers('commands', playAll)
    served = await serveApi(data.path)
    ours = await playAll(served)
  }, 600_000)
  afterAll(async () => {
    await served.kill('SIGTERM')
    data.remove()
  })

  for (const name of Object.keys(commandCases)) {
    it(`is as of a kube-apiserver, or listed with the reason: ${name}`, () => {
      const known = kubectls.filter((kubectl) => recorded[kubectl.name] !== undefined)
      const differing = known.filter((kubectl) => !isSame(ours[kubectl.name]?.[name], recorded[kubectl.name]?.[name]))
      const listed = Object.hasOwn(differences, name) ? differences[name] : undefined
      const expected = listed === undefined ? [] : known.filter((kubectl) => listed.kubectls?.includes(kubectl.name) ?? true)
      // The first that should not differ shows how it does.
      const [first] = differing.filter((kubectl) => !expected.includes(kubectl))
      if (first !== undefined) expect(ours[first.name]?.[name]).toEqual(recorded[first.name]?.[name])
      expect(differing).toEqual(expected)
    })
  }

  it('has a record of at least one kubectl of this machine', () => {
    const known = kubectls.filter(({ name }) => recorded[name] !== undefined)
    expect(known.length).toBeGreaterThan(0)
    const commands = known.length * Object.keys(commandCases).length
    tellCounts(
      `kubectl: ${commands} commands by ${known.length} versions beside a kube-apiserver, ${Object.keys(differences).length} of them with differences that are listed`,
    )
  })
})

async function playAll(api: Reached): Promise<Played> {
  const played = new Map<string, Played[string]>()
  const waiting = [...kubectls]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) played.set(next.name, await play(api, next))
  }
  await Promise.all([work(), work(), work()])
  return Object.fromEntries(kubectls.map(({ name }) => [name, played.get(name) ?? {}]))
}

async function play(api: Reached, kubectl: Kubectl): Promise<Played[string]> {
  const home = temporaryDirectory()
  const log = await startRequestLog(api)
  const kubeconfig = join(home.path, 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigOf(log.url))
  const namespace = `by-${kubectl.name.replaceAll('.', '-')}`
  const answers: Record<string, Answered> = {}
  for (const [name, { args, input = '' }] of Object.entries(commandCases)) {
    const words = args.split(' ').map((word) => (word === 'NS' ? namespace : word))
    const { code, out, err } = await runKubectl(
      { kubectl, kubeconfig, home: home.path },
      words,
      input.replaceAll('"NS"', JSON.stringify(namespace)),
    )
    const steady = (text: string): string => withoutChance(text.replaceAll(namespace, 'NS'))
    const requests = withoutRetries(log.take().map(steady)).filter((line) => !ofChance.test(line))
    // What a dispatcher asks is up to the kubectl that it chooses, which has a record of its own.
    answers[name] = { code, out: steady(out), err: steady(err), requests: kubectl.name === 'dispatcher' ? [] : requests }
  }
  await log.close()
  home.remove()
  return answers
}

function kubeconfigOf(server: string): string {
  const name = 'logged'
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    contexts: [{ name, context: { cluster: name } }],
    'current-context': name,
  })
}

/** kubectl looks and patches anew when a status was written in between. */
function withoutRetries(lines: readonly string[]): readonly string[] {
  const isRetry = (at: number): boolean => lines[at]?.startsWith('PATCH ') === true && lines.indexOf(lines[at]) < at
  return lines.filter((_, at) => !isRetry(at) && !isRetry(at + 1))
}

/** Asked only when a namespace is not gone at once. */
const ofChance = /^GET \/api\/v1\/namespaces\?/

/** What is another each time, or says which server it is. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/(resourceVersion: "?|Resource Version: +)\d+/g, '$1REVISION')
    .replaceAll(/(Server Version: ).*/g, '$1VERSION')
    .replaceAll(/\/tmp\/(LIVE|MERGED)-\d+/g, '/tmp/$1-N')
    .replaceAll(/^(diff -u -N|---|\+\+\+) .*$/gm, '$1 …')
    .replaceAll(/^@@ -[\d,]+ \+[\d,]+ @@$/gm, '@@ … @@')
    .replaceAll(/(AGE.*\n)([^]*)$/g, (_, head: string, rows: string) => head + rows.replaceAll(/\b\d+m?\d*s\b/g, 'AGE'))
    .replaceAll(/^WARNING: version difference.*$\n?/gm, '')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(written, '')
}

/** What becomes of an object is written into it about a second later; a kube-apiserver by itself writes nothing there. In YAML, in a diff of it, and described. */
const written = /^(?: ?status|Status):\n(?: .*\n)+/gm

function isSame(a: Answered | undefined, b: Answered | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
