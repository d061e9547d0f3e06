// Tests identities, the authority that signs them, and their renewal.
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openCertificateAuthority } from './certificate-authority.ts'
import { formatSpiffeId, meshTrustDomain, parseSpiffeId, WorkloadIdentity } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-identity-'))
afterAll(() => rmSync(folder, { recursive: true }))

const web = { trustDomain: meshTrustDomain, namespace: 'shop', serviceAccount: 'web' }

describe('an identity is one spelling and no other', () => {
  const cases: Record<string, boolean> = {
    'spiffe://cluster.local/ns/shop/sa/web': true,
    'spiffe://other.test/ns/a/sa/b.c': true,
    'SPIFFE://cluster.local/ns/shop/sa/web': false,
    'spiffe://Cluster.local/ns/shop/sa/web': false,
    'spiffe://cluster.local/ns/shop/sa/web/': false,
    'spiffe://cluster.local/ns/shop/sa/web?x': false,
    'spiffe://cluster.local/ns/shop/sa/web#x': false,
    'spiffe://cluster.local:443/ns/shop/sa/web': false,
    'spiffe://u@cluster.local/ns/shop/sa/web': false,
    'spiffe://cluster.local/ns/shop/sa/': false,
    'spiffe://cluster.local/ns//sa/web': false,
    'spiffe://cluster.local/ns/../sa/web': false,
    'spiffe://cluster.local/ns/shop%2fsa/sa/web': false,
    'spiffe://cluster.local/sa/web/ns/shop': false,
    'spiffe:///ns/shop/sa/web': false,
    ' spiffe://cluster.local/ns/shop/sa/web': false,
    'spiffe://cluster.local/ns/shop/sa/web\n': false,
    'https://cluster.local/ns/shop/sa/web': false,
  }
  test.each(Object.entries(cases))('%j', (text, isOne) => {
    expect(parseSpiffeId(text) !== undefined).toBe(isOne)
  })

  test('what is read is what was written', () => {
    expect(parseSpiffeId(formatSpiffeId(web))).toEqual(web)
    expect(() => formatSpiffeId({ ...web, namespace: 'shop/sa/root' })).toThrow(/no identity/)
  })
})

describe('the certificate authority', () => {
  test('is made once, by whoever comes first, and is the same for all', async () => {
    const directory = join(folder, 'ca')
    const all = await Promise.all(Array.from({ length: 4 }, () => openCertificateAuthority(directory)))
    expect(new Set(all.map(({ roots }) => roots)).size).toBe(1)
    expect(readdirSync(directory)).toEqual(['authority.pem'])
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'authority.pem')).mode & 0o777).toBe(0o600)
  })

  test('issues a short-lived certificate for one identity and nothing else', async () => {
    const authority = await openCertificateAuthority(join(folder, 'ca'))
    const { chain, key } = await authority.issue(web, 60_000)
    const certificate = new X509Certificate(chain)
    expect(certificate.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/web')
    expect(certificate.ca).toBe(false)
    expect(certificate.verify(new X509Certificate(authority.roots).publicKey)).toBe(true)
    expect(new Date(certificate.validTo).getTime() - Date.now()).toBeLessThanOrEqual(60_000)
    expect(key).toContain('BEGIN PRIVATE KEY')
  })

  const spoilt: Record<string, (directory: string) => void> = {
    'a folder that others can read': (directory) => chmodSync(directory, 0o755),
    'a key that others can read': (directory) => chmodSync(join(directory, 'authority.pem'), 0o644),
    'a file that is another one': (directory) => {
      rmSync(join(directory, 'authority.pem'))
      symlinkSync(join(folder, 'ca', 'authority.pem'), join(directory, 'authority.pem'))
    },
    'a file with something else in it': (directory) => writeFileSync(join(directory, 'authority.pem'), 'nothing'),
  }
  test.each(Object.entries(spoilt))('is not used from %s', async (what, spoil) => {
    const directory = join(folder, what.replaceAll(' ', '-'))
    await openCertificateAuthority(directory)
    spoil(directory)
    await expect(openCertificateAuthority(directory)).rejects.toThrow()
  })
})

test('a certificate is renewed in good time, and those to trust stay the same object', async () => {
  const seen: string[] = []
  const identity = new WorkloadIdentity({
    directory: join(folder, 'renewed'),
    id: web,
    lifetimeMs: 200,
    onRenewed: () => seen.push(identity.secrets?.certificate.certificate?.chain ?? ''),
    onNote: (text) => expect.unreachable(text),
  })
  await identity.begin()
  const roots = identity.secrets?.roots
  await expect.poll(() => new Set(seen).size, { timeout: 5000 }).toBeGreaterThan(2)
  expect(identity.secrets?.roots).toBe(roots)
  identity.close()
})

test('without an authority that can be used there is no certificate, and it is said once', async () => {
  const directory = join(folder, 'open')
  await openCertificateAuthority(directory)
  chmodSync(directory, 0o755)
  const notes: string[] = []
  const identity = new WorkloadIdentity({ directory, id: web, onRenewed: () => expect.unreachable(), onNote: (text) => notes.push(text) })
  await identity.begin()
  expect(identity.secrets).toBeUndefined()
  expect(notes).toEqual([expect.stringMatching(/can be read or written by others/)])
  identity.close()
})
