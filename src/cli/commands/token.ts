// `sallyport token create`: asks the server that is running for a token by which a workload joins once.
import { fieldsOf, parseDuration } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { textOf, UsageError, type Values } from '../values.ts'

/** Prints the token alone, so that it can go into a file. */
export async function createToken(values: Values): Promise<number> {
  const [namespace, account, ttl] = [textOf(values, 'namespace') ?? 'default', textOf(values, 'sa') ?? '', textOf(values, 'ttl') ?? '15m']
  const seconds = Math.ceil((parseDuration(ttl) ?? 0) / 1000)
  if (seconds < 1) throw new UsageError('SLP0002', `--ttl "${ttl}" is not a duration`, { fix: 'write --ttl 15m' })
  const name = (text: string): string => encodeURIComponent(text)
  const path = `/apis/node.sallyport.dev/v1/namespaces/${name(namespace)}/serviceaccounts/${name(account)}/bootstrap`
  const { token, expires } = await withServer(values, async (api) =>
    made((await api.ask({ method: 'POST', path, body: { spec: { expirationSeconds: seconds } } })).body),
  )
  process.stdout.write(`${token}\n`)
  process.stderr.write(`good once, for service account ${account} in namespace ${namespace}, until ${expires}\n`)
  return exitCodes.ok
}

function made(body: unknown): { readonly token: string; readonly expires: string } {
  const { status } = fieldsOf(body)
  const { token, expirationTimestamp } = fieldsOf(status)
  return { token: String(token), expires: String(expirationTimestamp) }
}
