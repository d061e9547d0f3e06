// Says what the calling process itself may do, which decides between a seal as root and one by a user namespace.
import { readFileSync } from 'node:fs'

/** linux/capability.h */
export const sysAdmin = 21

export function hasCapability(capability: number): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return ((BigInt(`0x${line?.[1] ?? '0'}`) >> BigInt(capability)) & 1n) === 1n
}
