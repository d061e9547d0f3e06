// Takes from the init itself what it no longer needs, so that not even a program that it starts later could use it.
import { readFileSync } from 'node:fs'
import { clearAmbient, dropBounding, gainNoPrivileges, raiseAmbient, setCapabilities } from './libc.ts'
import { rootCapabilities } from './stages.ts'

/** linux/capability.h */
const netAdmin = 12
const netRaw = 13
const setPcap = 8
const sysChroot = 18

/**
 * Before the command starts. As root without a user namespace a program of root gets back whatever the bounding set allows, and the workload may change
 * programs: so nothing is left but what it has anyway, the right to read the rules, raw sockets for the self-test, and what `setpriv` needs to take those off.
 * In a user namespace the command's own chain of programs must get nothing (LD_PRELOAD would run in it), hence no ambient capabilities.
 */
export function shrinkPrivileges(isRoot: boolean, changesRoot: boolean): void {
  const forRoot = changesRoot ? [sysChroot] : []
  const kept = isRoot ? [...Object.values(rootCapabilities), netAdmin, netRaw, setPcap, ...forRoot] : []
  const permitted = isRoot ? maskOf(kept) : permittedNow()
  for (let capability = 0; capability < 64; capability++) if (!kept.includes(capability)) dropBounding(capability)
  clearAmbient()
  setCapabilities(permitted, isRoot ? 0n : maskOf([netAdmin, ...forRoot]))
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

/** For a program that changes its root before it becomes one of the workload's: it gets that right, and takes it off itself. */
export function startWithRoot<T>(isRoot: boolean, start: () => T): T {
  if (isRoot) return start()
  clearAmbient()
  raiseAmbient(sysChroot)
  try {
    return start()
  } finally {
    clearAmbient()
  }
}

/** What `setpriv` takes off, of the calling thread: for a program that it cannot start, since it is not there. */
export function takeRightsOff(isRoot: boolean, user: { readonly uid: number; readonly gid: number } | undefined): void {
  gainNoPrivileges()
  const kept: readonly number[] = isRoot && user === undefined ? Object.values(rootCapabilities) : []
  // In a user namespace the init has done that for all of its children.
  if (isRoot) for (let capability = 0; capability < 64; capability++) if (!kept.includes(capability)) dropBounding(capability)
  clearAmbient()
  if (user) {
    process.setgid?.(user.gid)
    process.setuid?.(user.uid)
  }
  setCapabilities(maskOf(kept), 0n)
}

function maskOf(capabilities: readonly number[]): bigint {
  return capabilities.reduce((mask, capability) => mask | (1n << BigInt(capability)), 0n)
}

function permittedNow(): bigint {
  const line = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))
  return BigInt(`0x${line?.[1] ?? '0'}`)
}
