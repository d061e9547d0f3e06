// Turns the kernel's running counts of refused packets into "so many more since last time", per destination.
import type { RefusedCount } from '../intercept/index.ts'
import type { Refusal } from './contract.ts'

type Key = Pick<RefusedCount, 'protocol' | 'destination' | 'port'>

export class RefusalLedger {
  #last = new Map<string, number>()
  readonly #expected = new Map<string, number>()

  /** Packets that the self-test is about to send: they are no news. */
  expect(keys: readonly Key[]): void {
    for (const key of keys) this.#expected.set(keyOf(key), (this.#expected.get(keyOf(key)) ?? 0) + 1)
  }

  /** What is new in these counts. Bounded by the kernel's sets: what they forgot is forgotten here too. */
  update(counts: readonly RefusedCount[]): readonly Refusal[] {
    const next = new Map<string, number>()
    const news: Refusal[] = []
    for (const count of counts) {
      const key = keyOf(count)
      const before = this.#last.get(key) ?? 0
      next.set(key, count.packets)
      // Smaller than before: the kernel forgot the destination in between and started anew.
      const added = count.packets >= before ? count.packets - before : count.packets
      const packets = added - this.#take(key, added)
      if (packets > 0) news.push({ protocol: protocolOf(count.protocol), destination: count.destination, port: count.port, packets })
    }
    this.#last = next
    return news
  }

  #take(key: string, available: number): number {
    const taken = Math.min(this.#expected.get(key) ?? 0, available)
    const left = (this.#expected.get(key) ?? 0) - taken
    if (left > 0) this.#expected.set(key, left)
    else this.#expected.delete(key)
    return taken
  }
}

/** Whether the kernel has refused anything lately: every refusal makes it send an ICMP error inside. Cheaper to read than the rules. */
export function icmpMark(snmp: string, snmp6: string): string {
  const ipv4 = snmp.split('\n').filter((line) => line.startsWith('Icmp:'))
  const ipv6 = snmp6.split('\n').filter((line) => line.startsWith('Icmp6Out'))
  return [...ipv4.slice(-1), ...ipv6].join(' ')
}

function keyOf({ protocol, destination, port }: Key): string {
  return `${protocol} ${destination} ${port}`
}

/** `nft` prints names where it has them, else numbers. */
function protocolOf(name: string): Refusal['protocol'] {
  if (name === 'tcp' || name === 'udp') return name
  return name === 'icmp' || name === 'icmpv6' || name === 'ipv6-icmp' ? 'icmp' : 'other'
}
