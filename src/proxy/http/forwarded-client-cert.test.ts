// Holds what x-forwarded-client-cert says of a certificate to Envoy's form, and that no name in one can end its element or the line.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { forwardedClientCert } from './forwarded-client-cert.ts'

const folder = mkdtempSync(join(tmpdir(), 'client-cert-'))
const all = { subject: true, uri: true, dns: true }
let count = 0

beforeAll(() => {
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', join(folder, 'key.pem')])
})

afterAll(() => rmSync(folder, { recursive: true }))

function certificate(subject: string, names: string) {
  const path = join(folder, `${count++}.pem`)
  const options = ['-x509', '-new', '-utf8', '-key', join(folder, 'key.pem'), '-days', '1', '-subj', subject, '-out', path]
  execFileSync('openssl', ['req', ...options, ...(names === '' ? [] : ['-addext', `subjectAltName=${names}`])], { stdio: 'ignore' })
  const made = new X509Certificate(readFileSync(path))
  return { raw: made.raw, hash: made.fingerprint256.replaceAll(':', '').toLowerCase() }
}

interface Case {
  readonly subject?: string
  readonly names?: string
  readonly by?: string
  /** Behind the hash. */
  readonly said: string
}

const cases: Readonly<Record<string, Case>> = {
  'names in the order of Envoy': {
    subject: '/C=DE/O=Shop/CN=client.test',
    names: 'DNS:a.test,URI:spiffe://x.test/ns/a/sa/b,DNS:b.test',
    said: ';Subject="CN=client.test,O=Shop,C=DE";URI=spiffe://x.test/ns/a/sa/b;DNS=a.test;DNS=b.test',
  },
  'an empty URI where there is none': { subject: '/CN=a', said: ';Subject="CN=a";URI=' },
  'nothing of a subject that is no ASCII': { subject: '/CN=Ċ\u010dx', said: ';Subject="";URI=' },
  'nothing of names that would end their element': {
    subject: '/CN=a',
    names: 'URI:spiffe://x.test/a;URI=spiffe://x.test/b,DNS:good.test',
    said: ';Subject="CN=a";URI=;DNS=good.test',
  },
}

it.each(Object.entries(cases))('tells %s', (_what, { subject = '/CN=a', names = '', said }) => {
  const { raw, hash } = certificate(subject, names)
  expect(forwardedClientCert({ raw, by: undefined }, all)).toBe(`Hash=${hash}${said}`)
})

it('tells no more than is asked for, and to whom it was shown', () => {
  const { raw, hash } = certificate('/CN=a', 'URI:spiffe://x.test/a,DNS:a.test')
  const shown = { raw, by: 'spiffe://x.test/gateway' }
  expect(forwardedClientCert(shown, { subject: false, uri: false, dns: false })).toBe(`By=spiffe://x.test/gateway;Hash=${hash}`)
  expect(forwardedClientCert(shown, { subject: false, uri: true, dns: false })).toBe(
    `By=spiffe://x.test/gateway;Hash=${hash};URI=spiffe://x.test/a`,
  )
})
