// Makes tokens of service accounts as a server would have signed them at another time.
import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { askApi, type Reached } from './served-api.ts'

export async function newToken(api: Reached, account = 'default', namespace = 'default'): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`
  return JSON.parse((await askApi(api, path, { method: 'POST', body: '{"spec":{}}' })).body).status.token
}

export interface Span {
  /** From now on, as the token says it. */
  readonly fromSeconds: number
  readonly toSeconds: number
}

export async function signedFor(api: Reached, { fromSeconds, toSeconds }: Span): Promise<string> {
  const [head = '', body = ''] = (await newToken(api)).split('.')
  const now = Math.floor(Date.now() / 1000)
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), nbf: now + fromSeconds, exp: now + toSeconds }
  const text = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const key = readFileSync(join(api.directory, 'pki/token.key'))
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
