// Takes from the init itself what it no longer needs, so that not even a program that it starts later could use it.
import { readFileSync } from 'node:fs'
import { clearAmbient, dropBounding, raiseAmbient, setCapabilities } from './libc.ts'
import { rootCapabilities } from './stages.ts'

/** linux/capability.h */
const netAdmin = 12
const netRaw = 13
const setPcap = 8

/**
 * Before the command starts. As root without a user namespace a program of root gets back whatever the bounding set allows, and the workload may change
 * programs: so nothing is left but what it has anyway, the right to read the rules, raw sockets for the self-test, and what `setpriv` needs to take those off.
 * In a user namespace the command's own chain of programs must get nothing (LD_PRELOAD would run in it), hence no ambient capabilities.
 */
export function shrinkPrivileges(isRoot: boolean): void {
  const kept = isRoot ? [...Object.values(rootCapabilities), netAdmin, netRaw, setPcap] : []
  const permitted = isRoot ? maskOf(kept) : permittedNow()
  for (let capability = 0; capability < 64; capability++) if (!kept.includes(capability)) dropBounding(capability)
  clearAmbient()
  setCapabilities(permitted, isRoot ? 0n : maskOf([netAdmin]))
}

/** After the command has started: `nft`, which reads the counts, gets this one and no other. */
export function allowReadingRules(isRoot: boolean): void {
  if (!isRoot) raiseAmbient(netAdmin)
}

/** For a process beside the command, which gets no more than that had: nothing else is started meanwhile. */
export function startWithoutRights<T>(isRoot: boolean, start: () => T): T {
  clearAmbient()
  try {
    return start()
  } finally {
    allowReadingRules(isRoot)
  }
}

function maskOf(capabilities: readonly number[]): bigint {
  return capabilities.reduce((mask, capability) => mask | (1n << BigInt(capability)), 0n)
}

function permittedNow(): bigint {
  const line = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))
  return BigInt(`0x${line?.[1] ?? '0'}`)
}
