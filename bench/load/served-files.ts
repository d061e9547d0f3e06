// Reads what a client needs of the folder of `sallyport serve`: its authority, and the token of its administrator.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ServedFiles {
  /** PEM. */
  readonly authority: string
  readonly token: string
}

export function readServed(data: string): ServedFiles {
  return {
    authority: readFileSync(join(data, 'pki/ca.crt'), 'utf8'),
    token: readFileSync(join(data, 'pki/admin.token'), 'utf8').trim(),
  }
}
