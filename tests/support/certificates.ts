// Makes a certificate authority and certificates for the outside servers with openssl, anew for every run.
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Writes `ca.crt`, `ca.key` and `NAME.crt`, `NAME.key` for each name into `folder`; the values are the names in the certificate. */
export async function makeCertificates(folder: string, wanted: Readonly<Record<string, readonly string[]>>): Promise<void> {
  await mkdir(folder, { recursive: true })
  const openssl = (...args: readonly string[]): Promise<unknown> => run('openssl', args, { cwd: folder })
  await openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test world', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const [name, sans] of Object.entries(wanted)) {
    await openssl('req', ...newKey, '-subj', `/CN=${sans[0]}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    await writeFile(join(folder, `${name}.ext`), `subjectAltName=${sans.map((san) => `DNS:${san}`).join(',')}\n`)
    const issue = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
    await openssl('x509', '-req', '-in', `${name}.csr`, ...issue, '-out', `${name}.crt`)
    await Promise.all(['csr', 'ext'].map((ending) => rm(join(folder, `${name}.${ending}`))))
  }
}
