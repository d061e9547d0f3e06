// Writes the nftables rules of a sealed namespace: what is TCP or a DNS question goes to the sidecar's sockets, all else is refused and counted.
import { ownAddresses } from './addresses.ts'

/** The ports of the sidecar's sockets, on 127.0.0.1 and ::1. The IPv6 ones are absent where the kernel has no IPv6. */
export interface CapturePorts {
  readonly tcp4: number
  readonly dnsUdp4: number
  readonly dnsTcp4: number
  readonly ipv6?: { readonly tcp: number; readonly dnsUdp: number; readonly dnsTcp: number }
}

export interface Chain {
  readonly name: string
  readonly hook: string
  readonly policy: 'accept' | 'drop'
  readonly rules: readonly Rule[]
}

/** `name` is written into the rule as its comment, which is how a read-back is compared with what was meant. */
export interface Rule {
  readonly name: string
  readonly match: string
}

export const table = 'sallyport'

/** The sets that count refusals by destination; bounded, so that a scan costs nothing but its own history. */
export const refusalSets = ['refused4', 'refused6', 'bare4', 'bare6'] as const
const withPorts = '{ tcp, udp, udplite, sctp, dccp }'
const memory = 'size 1024; flags dynamic,timeout; timeout 10m; counter;'

/** All of it, for one atomic `nft -f -`. */
export function renderRuleset(ports: CapturePorts): string {
  return [
    `table inet ${table} {`,
    '  counter refusals { }',
    `  set refused4 { type inet_proto . ipv4_addr . inet_service; ${memory} }`,
    `  set refused6 { type inet_proto . ipv6_addr . inet_service; ${memory} }`,
    `  set bare4 { type inet_proto . ipv4_addr; ${memory} }`,
    `  set bare6 { type inet_proto . ipv6_addr; ${memory} }`,
    ...captureChains(ports).flatMap(renderChain),
    '}',
    '',
  ].join('\n')
}

export function captureChains(ports: CapturePorts): readonly Chain[] {
  return [
    { name: 'capture', hook: 'type nat hook output priority -100', policy: 'accept', rules: captureRules(ports) },
    { name: 'gate', hook: 'type filter hook output priority 0', policy: 'drop', rules: gateRules(ports) },
  ]
}

/** Port 53 comes before the exception for loopback: resolvers listen at 127.0.0.53 and the like. */
function captureRules({ tcp4, dnsUdp4, dnsTcp4, ipv6 }: CapturePorts): Rule[] {
  const rules = [
    { name: 'dns udp4', match: `meta nfproto ipv4 udp dport 53 redirect to :${dnsUdp4}` },
    { name: 'dns tcp4', match: `meta nfproto ipv4 tcp dport 53 redirect to :${dnsTcp4}` },
    { name: 'own tcp4', match: `ip daddr { 127.0.0.0/8, ${ownAddresses.ipv4} } accept` },
    { name: 'tcp4', match: `meta nfproto ipv4 meta l4proto tcp redirect to :${tcp4}` },
  ]
  if (!ipv6) return rules
  return [
    ...rules,
    { name: 'dns udp6', match: `meta nfproto ipv6 udp dport 53 redirect to :${ipv6.dnsUdp}` },
    { name: 'dns tcp6', match: `meta nfproto ipv6 tcp dport 53 redirect to :${ipv6.dnsTcp}` },
    { name: 'own tcp6', match: `ip6 daddr { ::1, ${ownAddresses.ipv6} } accept` },
    { name: 'tcp6', match: `meta nfproto ipv6 meta l4proto tcp redirect to :${ipv6.tcp}` },
  ]
}

function gateRules(ports: CapturePorts): Rule[] {
  const { ipv6 } = ports
  // A connection straight to a listener has no original destination: it would look like "127.0.0.1" outside.
  const direct = [
    { name: 'direct tcp4', match: `ip daddr 127.0.0.0/8 tcp dport { ${ports.tcp4}, ${ports.dnsTcp4} } reject with tcp reset` },
    ...(ipv6 ? [{ name: 'direct tcp6', match: `ip6 daddr ::1 tcp dport { ${ipv6.tcp}, ${ipv6.dnsTcp} } reject with tcp reset` }] : []),
  ]
  return [
    { name: 'answers', match: 'ct direction reply accept' },
    { name: 'captured', match: 'ct status dnat accept' },
    ...direct,
    { name: 'own4', match: `ip daddr { 127.0.0.0/8, ${ownAddresses.ipv4} } accept` },
    { name: 'own6', match: `ip6 daddr { ::1, ${ownAddresses.ipv6} } accept` },
    { name: 'count4', match: `meta l4proto ${withPorts} update @refused4 { meta l4proto . ip daddr . th dport }` },
    { name: 'count6', match: `meta l4proto ${withPorts} update @refused6 { meta l4proto . ip6 daddr . th dport }` },
    { name: 'refuse', match: `meta l4proto ${withPorts} counter name refusals reject` },
    { name: 'count bare4', match: 'update @bare4 { meta l4proto . ip daddr }' },
    { name: 'count bare6', match: 'update @bare6 { meta l4proto . ip6 daddr }' },
    // By name of counter, not by a full set: what no longer fits into a set is refused and counted in total all the same.
    { name: 'refuse bare', match: 'counter name refusals reject' },
  ]
}

function renderChain(chain: Chain): string[] {
  return [
    `  chain ${chain.name} {`,
    `    ${chain.hook}; policy ${chain.policy};`,
    ...chain.rules.map((rule) => `    ${rule.match} comment "${rule.name}"`),
    '  }',
  ]
}
