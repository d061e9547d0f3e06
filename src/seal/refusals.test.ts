// Holds that running counts become news exactly once, and that the self-test's own packets are none.
import { expect, test } from 'vitest'
import { icmpMark, RefusalLedger } from './refusals.ts'
import { ownRefusals } from './self-test.ts'

function udp(packets: number, port = 443, destination = '8.8.8.8') {
  return { protocol: 'udp', destination, port, packets }
}

test('counts become differences', () => {
  const ledger = new RefusalLedger()
  expect(ledger.update([udp(3)])).toEqual([udp(3)])
  expect(ledger.update([udp(3)])).toEqual([])
  expect(ledger.update([udp(5), udp(1, 853)])).toEqual([udp(2), udp(1, 853)])
})

test('a destination that the kernel forgot and met again starts anew', () => {
  const ledger = new RefusalLedger()
  ledger.update([udp(9)])
  expect(ledger.update([udp(2)])).toEqual([udp(2)])
  ledger.update([])
  expect(ledger.update([udp(1)])).toEqual([udp(1)])
})

test('the self-test’s own packets are left out, the workload’s to the same destination are not', () => {
  const ledger = new RefusalLedger()
  const own = ownRefusals(true)
  ledger.expect(own)
  expect(ledger.update(own.map((key) => ({ ...key, packets: 1 })))).toEqual([])
  ledger.expect(own)
  const counts = own.map((key) => ({ ...key, packets: key.port === 853 ? 4 : 2 }))
  expect(ledger.update(counts)).toEqual([{ protocol: 'udp', destination: '192.0.2.1', port: 853, packets: 2 }])
})

test('protocols that nobody knows by name are "other"', () => {
  const ledger = new RefusalLedger()
  const named = ledger.update(
    ['icmp', 'ipv6-icmp', 'tcp', 'sctp', '253'].map((protocol) => ({ protocol, destination: '8.8.8.8', port: 0, packets: 1 })),
  )
  expect(named.map((refusal) => refusal.protocol)).toEqual(['icmp', 'icmp', 'tcp', 'other', 'other'])
})

test('the mark changes with every ICMP error, and with nothing else', () => {
  const snmp = (out: number, received = 1) =>
    `Ip: Forwarding DefaultTTL\nIp: 1 ${received}\nIcmp: InMsgs OutMsgs\nIcmp: 0 ${out}\nTcp: A\nTcp: ${received}\n`
  const snmp6 = (out: number) => `Ip6InReceives 5\nIcmp6OutMsgs ${out}\n`
  expect(icmpMark(snmp(1), snmp6(1))).toBe(icmpMark(snmp(1, 9), snmp6(1)))
  expect(icmpMark(snmp(1), snmp6(1))).not.toBe(icmpMark(snmp(2), snmp6(1)))
  expect(icmpMark(snmp(1), snmp6(1))).not.toBe(icmpMark(snmp(1), snmp6(2)))
})
