// Holds answers of `sallyport serve` to those that a kube-apiserver gave to the same requests, and, where one can be had, those to the ones it gives now.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { realAnswers } from './recordings.ts'
import { type RequestCase, requestCases } from './request-cases.ts'
import { askApi, type Reached, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

const data = temporaryDirectory()
let served: ServedApi
let recorded: Readonly<Record<string, Json>>
let ours: Readonly<Record<string, Json>>

beforeAll(async () => {
  recorded = await realAnswers('requests', playAll)
  served = await serveApi(data.path)
  ours = await playAll(served)
}, 240_000)
afterAll(async () => {
  await served.kill('SIGTERM')
  data.remove()
})

describe('answers as a kube-apiserver gives them', () => {
  it('holds each of the requests to one that was recorded', () => {
    expect(Object.keys(recorded)).toEqual(Object.keys(requestCases))
  })

  for (const [name, { differs }] of Object.entries(requestCases)) {
    it(`${name}${differs === undefined ? '' : `, but for what is listed: ${differs.reason}`}`, () => {
      const found = differing(recorded[name] ?? null, ours[name] ?? null)
      // The whole answers, so that a failure shows them.
      if (differs === undefined) expect(ours[name]).toEqual(recorded[name])
      else expect(found.toSorted()).toEqual(differs.fields.toSorted())
    })
  }
})

async function playAll(api: Reached): Promise<Readonly<Record<string, Json>>> {
  const namespace = 'recorded'
  const made = await askApi(api, '/api/v1/namespaces', { method: 'POST', body: JSON.stringify({ metadata: { name: namespace } }) })
  if (made.code !== 201) throw new Error(made.body)
  const answers: Record<string, Json> = {}
  let token = ''
  for (const [name, { path, asked }] of Object.entries<RequestCase>(requestCases)) {
    const { code, body } = await askApi(api, `/api/v1/namespaces/${namespace}${path.replace('CONTINUE', token)}`, asked)
    const answer: Json = JSON.parse(body)
    token = tokenOf(answer) ?? token
    answers[name] = { code, ...steadyMembers(answer) }
  }
  return answers
}

function tokenOf(answer: Json): string | undefined {
  const metadata = isMap(answer) ? answer['metadata'] : undefined
  const token = isMap(metadata) ? metadata['continue'] : undefined
  return typeof token === 'string' ? encodeURIComponent(token) : undefined
}

/** What is another each time, and who wrote what, which tests of its own hold. */
const unsteady: ReadonlySet<string> = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'managedFields'])

function steady(value: Json): Json {
  if (isList(value)) return value.map(steady)
  return isMap(value) ? steadyMembers(value) : value
}

function steadyMembers(value: Json): { readonly [name: string]: Json } {
  if (!isMap(value)) return {}
  const kept = Object.entries(value).filter(([name]) => !unsteady.has(name))
  return Object.fromEntries(
    kept.map(([name, member]) => [name, name === 'continue' ? 'CONTINUE' : isGiven(name, member) ? 'GIVEN' : steady(member)]),
  )
}

/** Addresses and ports that a cluster chooses, another each time: of a range that it was started with, but for the one that is asked for. */
function isGiven(name: string, member: Json): boolean {
  const isChosen = (address: Json): boolean => typeof address === 'string' && address.startsWith('10.0.0.') && address !== '10.0.0.77'
  if (name === 'clusterIPs') return isList(member) && member.some(isChosen)
  return name === 'clusterIP' ? isChosen(member) : name === 'nodePort'
}

/** The fields in which two answers differ. */
function differing(a: Json, b: Json, path = ''): readonly string[] {
  if (isMap(a) && isMap(b)) {
    const names = Array.from(new Set([...Object.keys(a), ...Object.keys(b)]))
    return names.flatMap((name) => differing(a[name] ?? null, b[name] ?? null, path === '' ? name : `${path}.${name}`))
  }
  if (isList(a) && isList(b) && a.length === b.length)
    return a.flatMap((item, index) => differing(item, b[index] ?? null, `${path}[${index}]`))
  return a === b ? [] : [path]
}

function isMap(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
