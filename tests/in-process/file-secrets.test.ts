// Tests that certificates in files are given anew when they change, and go on as they were while they cannot be used.
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { FileSecrets } from '../../src/envoy/file-secrets.ts'
import { makeCertificates } from '../support/certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'file-secrets-'))
const file = (name: string): string => join(folder, name)

beforeAll(() => makeCertificates(folder, { one: ['a.test'], other: ['a.test'] }))
afterAll(() => rmSync(folder, { recursive: true }))

function opened() {
  const told = { changes: 0, notes: [] as string[] }
  const secrets = new FileSecrets({ onChange: () => void told.changes++, onNote: (text) => told.notes.push(text) })
  onTestFinished(() => secrets.close())
  return { secrets, told }
}

/** As careful programs replace files. */
function put(from: string, to: string): void {
  copyFileSync(file(from), file(`${to}.new`))
  renameSync(file(`${to}.new`), file(to))
}

test('what is replaced is given anew, and what does not fit together is not', async () => {
  put('one.crt', 'used.crt')
  put('one.key', 'used.key')
  const name = `file-cert:${file('used.crt')}~${file('used.key')}`
  const { secrets, told } = opened()
  const [first] = secrets.of([name])
  // A certificate without its key is half-way to another.
  put('other.crt', 'used.crt')
  await expect.poll(() => told.notes, { timeout: 5000 }).toEqual([expect.stringMatching(/cannot be used/)])
  expect(secrets.of([name])).toEqual([first])
  put('other.key', 'used.key')
  await expect.poll(() => told.changes, { timeout: 5000 }).toBe(1)
  expect(secrets.of([name])).not.toEqual([first])
})

test('names that are of no files, and files that nobody has, are left out', () => {
  const { secrets, told } = opened()
  expect(secrets.of(['default', `file-root:${file('none.crt')}`])).toEqual([])
  expect(told.notes).toHaveLength(1)
})

test('a list of revoked certificates comes with those who are trusted', () => {
  writeFileSync(file('crl.pem'), 'revoked')
  const [entry] = opened().secrets.of([`file-root:${file('ca.crt')}~crl~${file('crl.pem')}`])
  expect(entry?.[1].type).toMatchObject({ case: 'validationContext', value: { crl: { specifier: { case: 'inlineBytes' } } } })
})
