// `sallyport gateway`: turns the command line into a gateway and has the role started.
import { parseCidr } from '../../base/index.ts'
import type { Roles } from '../roles.ts'
import { listOf, optional, proxyOf, textOf, UsageError, type Values } from '../values.ts'

export async function gateway(values: Values, roles: Roles): Promise<number> {
  const name = textOf(values, 'name') ?? 'istio-egressgateway'
  const options = proxyOf(values, name, name)
  if (Object.keys(options.labels).length === 0)
    throw new UsageError('SLP0002', 'a gateway without labels is selected by no Gateway', { fix: 'add -l istio=egressgateway' })
  const from = listOf(values, 'from')
  for (const cidr of from)
    if (parseCidr(cidr) === undefined)
      throw new UsageError('SLP0002', `--from "${cidr}" is not an address or CIDR`, { fix: 'write --from 198.18.0.0/24' })
  const drainSeconds = Number(textOf(values, 'drain') ?? '30')
  if (!Number.isFinite(drainSeconds) || drainSeconds < 0) throw new UsageError('SLP0002', '--drain wants a number of seconds')
  return roles.gateway({ ...options, ...optional(values, 'sockets'), from, drainSeconds })
}
