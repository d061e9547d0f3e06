// Tells which peers a gateway trusts to have told the request's history: those that Envoy calls internal.
import { type Cidr, cidrContains, type Ip, parseCidr } from '../../base/index.ts'

/** Envoy's `isInternalAddress`: RFC 1918, loopback and ULA. */
const internal: readonly Cidr[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fd00::/8', '::1/128']
  .map((text) => parseCidr(text))
  .filter((cidr) => cidr !== undefined)

export function isInternalAddress(ip: Ip): boolean {
  return internal.some((cidr) => cidrContains(cidr, ip))
}
