// Names the few addresses that exist inside a sealed network namespace, so that the rules, the routes and the self-test agree on them.

/** The workload's own addresses, on `lo`. IPv4 dummy address (RFC 7600) and discard-only prefix (RFC 6666): never a destination outside, yet global enough for AI_ADDRCONFIG. */
export const ownAddresses = { ipv4: '192.0.0.8', ipv6: '100::8' } as const

/** Where the self-test dials: documentation addresses (RFC 5737, RFC 3849), answered by the sidecar itself. */
export const probeHosts = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' } as const

/** What `ip -batch -` does inside: without the local routes "network is unreachable" would come before any capture. `nodad`: else the address cannot be a source at once. */
export function loopbackBatch(hasIpv6: boolean): string {
  const ipv4 = ['link set lo up', `addr add ${ownAddresses.ipv4}/32 dev lo`, `route add local 0.0.0.0/0 dev lo src ${ownAddresses.ipv4}`]
  const ipv6 = [`addr add ${ownAddresses.ipv6}/128 dev lo nodad`, `route add local ::/0 dev lo src ${ownAddresses.ipv6}`]
  return `${[...ipv4, ...(hasIpv6 ? ipv6 : [])].join('\n')}\n`
}
