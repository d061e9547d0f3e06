// Holds where it is looked for how an API server is reached, and what is said of each thing that can be wrong there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type AccessOptions, findAccess } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'access-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const config = (server: string, cluster: string, user: string): string => `apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: one, user: me}}]
clusters: [{name: one, cluster: {server: "${server}", ${cluster}}}]
users: [{name: me, user: {${user}}}]
`

const data = (text: string): string => Buffer.from(text).toString('base64')
const ca = `certificate-authority-data: ${data('ROOT')}`
const usual = file('usual', config('https://127.0.0.1:6443', ca, 'token: secret'))
const other = file(
  'other',
  config('https://api.test:7443/', 'certificate-authority: ca.crt', 'client-certificate: c.crt, client-key: c.key'),
)
const tokenFile = file('token', 'from-file\n')
for (const [name, text] of [
  ['ca.crt', 'OTHER'],
  ['c.crt', 'CERT'],
  ['c.key', 'KEY'],
] as const)
  file(name, text)

const found: Record<string, { options: Omit<AccessOptions, 'usual'>; access: unknown }> = {
  'the kubeconfig of a server on this machine': { options: {}, access: ['https://127.0.0.1:6443', 'ROOT', { token: 'secret' }] },
  'the same by another name of this machine': {
    options: { server: 'https://localhost:6443' },
    access: ['https://127.0.0.1:6443', 'ROOT', { token: 'secret' }],
  },
  'that of KUBECONFIG first, with files beside it': {
    options: { env: { KUBECONFIG: `${join(folder, 'none')}:${other}` } },
    access: ['https://api.test:7443', 'OTHER', { certificate: 'CERT', key: 'KEY' }],
  },
  'one that is named before both': {
    options: { kubeconfig: usual, env: { KUBECONFIG: other } },
    access: ['https://127.0.0.1:6443', 'ROOT', { token: 'secret' }],
  },
  'another token for a server that is known': {
    options: { tokenFile },
    access: ['https://127.0.0.1:6443', 'ROOT', { token: 'from-file' }],
  },
  'files alone': {
    options: { server: 'https://api.test:7443', tokenFile, caFile: join(folder, 'ca.crt') },
    access: ['https://api.test:7443', 'OTHER', { token: 'from-file' }],
  },
}

test.each(Object.entries(found))('finds %s', (_name, { options, access }) => {
  const { server, authority, credential } = findAccess({ env: {}, ...options, usual })
  expect([server, authority, credential()]).toEqual(access)
})

const broken: Record<string, { options: Partial<AccessOptions>; says: RegExp }> = {
  'no file at all': { options: { env: { KUBECONFIG: join(folder, 'none') } }, says: /there is no kubeconfig at .*none/ },
  'another server': {
    options: { server: 'https://10.0.0.1:6443' },
    says: /knows no server at https:\/\/10\.0\.0\.1:6443, but https:\/\/127\.0\.0\.1:6443/,
  },
  'another port': { options: { server: 'https://127.0.0.1:6444' }, says: /knows no server/ },
  'no YAML': { options: { kubeconfig: file('broken', '{') }, says: /cannot be read/ },
  'a list': { options: { kubeconfig: file('list', '[1]') }, says: /no current context/ },
  'a server without TLS': {
    options: { kubeconfig: file('plain', config('http://x:1', ca, 'token: x')) },
    says: /no server of the form https/,
  },
  'a server that nobody vouches for': {
    options: { kubeconfig: file('blind', config('https://x:1', 'insecure-skip-tls-verify: true', 'token: x')) },
    says: /does not say who signs/,
  },
  'a user with nothing': {
    options: { kubeconfig: file('nobody', config('https://x:1', ca, 'username: x')) },
    says: /neither a token nor a client certificate/,
  },
  'a file that it names and that is not there': {
    options: { kubeconfig: file('lost', config('https://x:1', 'certificate-authority: lost.crt', 'token: x')) },
    says: /lost\.crt, which it names, cannot be read/,
  },
  'an empty token': { options: { tokenFile: file('empty', '\n') }, says: /holds no token/ },
}

describe('says what is wrong', () => {
  test.each(Object.entries(broken))('%s', (_name, { options, says }) => {
    expect(() => findAccess({ env: {}, usual, ...options })).toThrow(says)
  })
})
