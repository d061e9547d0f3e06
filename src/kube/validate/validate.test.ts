// Holds reading and judging of objects to what a kube-apiserver 1.34.4 with Istio's CRDs answered to the same bodies.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  checkObject,
  findResource,
  invalid,
  isFieldValidation,
  readObject,
  StatusError,
  type BodyFormat,
  type KubeObject,
  type StatusCause,
} from '../index.ts'

interface Recorded {
  readonly request: { readonly method: string; readonly path: string; readonly type?: string; readonly body: unknown }
  readonly answer: { readonly code: number; readonly message?: string; readonly warning?: string; readonly causes?: readonly StatusCause[] }
}

const recorded: Readonly<Record<string, Recorded>> = JSON.parse(readFileSync(new URL('../testdata/writes.json', import.meta.url), 'utf8'))

/** What the store, the path or the options decide, before or after. */
const elsewhere = [
  'create again',
  'create bad fieldValidation',
  'create wrong namespace',
  'create with resourceVersion',
  'create bad media type',
  'create bad media type core',
  'method not allowed',
  'generateName',
]

/** Ours differs here, and why. */
const differences: Readonly<Record<string, string>> = {
  'create list body': 'Go’s anonymous type is not repeated',
  'create broken yaml core': 'the YAML library says it in its own words',
  'create wrong group core': 'the version is named instead of a scheme of Go',
  'create wrong kind core': 'the kind is named instead of Go’s types',
  'create pod wrong type': 'the field is named by its path alone, not by the Go type that has it',
  'create service wrong type': 'the field is named by its path alone, and numbers are not told apart by size',
  'create bad secret': 'the key is named, as a cause',
  'create se missing': 'Istio’s own sentence is added',
  'create se null': 'Istio’s own sentence is added',
  'namespace name dash': 'the label with its name is the server’s own',
  'namespace name long': 'the label with its name is the server’s own',
  'create bad metadata': 'an owner without a version is told by Kubernetes before its kind',
  'create no kind': 'the whole body is not repeated',
  'binding name': 'there are the roles that every cluster has, and no others',
}

interface Outcome {
  readonly code: number
  readonly message?: string
  readonly warning?: string
}

function play({ request }: Recorded): Outcome {
  const url = new URL(request.path, 'http://server')
  const core = /^\/api\/(v1)\/(?:namespaces\/[^/]+\/)?([^/]+)/.exec(url.pathname)
  const other = /^\/apis\/([^/]+)\/([^/]+)\/(?:namespaces\/[^/]+\/)?([^/]+)/.exec(url.pathname)
  const resource = core
    ? findResource('', core[1] ?? '', core[2] ?? '')
    : findResource(other?.[1] ?? '', other?.[2] ?? '', other?.[3] ?? '')
  if (resource === undefined) throw new Error(`${url.pathname} is not served`)
  const asked = url.searchParams.get('fieldValidation') ?? 'Warn'
  const fieldValidation = isFieldValidation(asked) ? asked : 'Warn'
  const format: BodyFormat = request.type === 'application/yaml' ? 'yaml' : 'json'
  const body = Buffer.from(typeof request.body === 'string' ? request.body : JSON.stringify(request.body))
  const version = core?.[1] ?? other?.[2] ?? ''
  try {
    const { object, warnings } = readObject(body, format, { resource, version, fieldValidation })
    const { causes } = checkObject(resource, object)
    const name = object.metadata.name ?? ''
    if (causes.length > 0) return outcomeOf(new StatusError(invalid(resource.group, resource.kind, name, causes)))
    const warning = warnings.map((one) => `299 - ${JSON.stringify(one)}`).join(', ')
    return { code: request.method === 'POST' ? 201 : 200, ...(warning === '' ? {} : { warning }) }
  } catch (error) {
    if (error instanceof StatusError) return outcomeOf(error)
    throw error
  }
}

function outcomeOf({ status: { code, message } }: StatusError): Outcome {
  return message === undefined ? { code } : { code, message }
}

/** The rules that a CRD states in CEL are not known to be unchecked: ours are checked all the same. */
function withoutUnchecked({ answer }: Recorded): Outcome {
  const { code, warning } = answer
  const rest =
    ', <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]'
  const { message } = answer
  if (message === undefined) return warning === undefined ? { code } : { code, warning }
  const told = message.endsWith(rest) ? `${message.slice(0, -rest.length)}]` : message
  return {
    code,
    message: (answer.causes ?? []).length === 2 && message.endsWith(rest) ? told.replace(': [', ': ').replace(/\]$/, '') : told,
  }
}

const compared = Object.entries(recorded).filter(([name]) => !elsewhere.includes(name) && !name.startsWith('put '))

describe('bodies are judged as Kubernetes judges them', () => {
  test.each(compared.filter(([name]) => differences[name] === undefined))('%s', (_name, one) => {
    expect(play(one)).toEqual(withoutUnchecked(one))
  })

  test.each(compared.filter(([name]) => differences[name] !== undefined))('%s, in other words', (_name, one) => {
    const ours = play(one)
    expect(ours).not.toEqual(withoutUnchecked(one))
    expect([ours.code, 422]).toContain(one.answer.code === 400 && ours.code === 422 ? 422 : one.answer.code)
  })

  test('every difference that is listed is one of what was recorded', () => {
    expect([...elsewhere, ...Object.keys(differences)].filter((name) => recorded[name] === undefined)).toEqual([])
  })
})

describe('a body', () => {
  const resource = findResource('networking.istio.io', 'v1', 'serviceentries')
  const read = (text: string, format: BodyFormat = 'json'): KubeObject => {
    if (resource === undefined) throw new Error('not served')
    return readObject(Buffer.from(text), format, { resource, version: 'v1', fieldValidation: 'Ignore' }).object
  }

  test('nests as deep as it pleases without harm', () => {
    const deep = 100_000
    expect(() => read(`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`)).toThrow('exceeded max depth')
    expect(() => read(`${'['.repeat(deep)}`)).toThrow('exceeded max depth')
    expect(() => read(`a: ${'['.repeat(1000)}${']'.repeat(1000)}`, 'yaml')).toThrow(StatusError)
  })

  test('sets no prototype', () => {
    const head = '"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry"'
    const object = read(
      `{${head},"__proto__":{"polluted":1},"metadata":{"name":"a","labels":{"__proto__":"x"}},"spec":{"hosts":["a.example"],"constructor":{"prototype":{"polluted":1}}}}`,
    )
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    expect('polluted' in object).toBe(false)
    expect('polluted' in {}).toBe(false)
    expect(Object.keys(object.metadata.labels ?? {})).toEqual(['__proto__'])
    expect(object['spec']).toEqual({ hosts: ['a.example'] })
  })

  test('cannot be made large by aliases', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
    for (let level = 1; level < 9; level += 1)
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(',')}]`)
    expect(() => read(lines.join('\n'), 'yaml')).toThrow(StatusError)
  })
})

test('an object that breaks one of Istio’s rules is invalid in Istio’s words, and one that only looks odd is warned of', () => {
  const resource = findResource('networking.istio.io', 'v1', 'serviceentries')
  if (resource === undefined) throw new Error('not served')
  const entry = (spec: KubeObject['spec']): KubeObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'a', namespace: 'b' },
    spec,
  })
  const { causes } = checkObject(resource, entry({ hosts: ['*'], ports: [{ number: 0, name: 'http' }] }))
  expect(causes.map(({ field }) => field)).toContain('spec.hosts[0]')
  expect(causes[0]?.message).toMatch(/^Invalid value: "\*": /)
  const { causes: none, warnings } = checkObject(
    resource,
    entry({ hosts: ['*.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DYNAMIC_DNS' }),
  )
  expect(none).toEqual([])
  expect(warnings.join('\n')).toContain('not carried out yet')
})
