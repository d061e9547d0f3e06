// Finds the system programs that the seal is made with, where distributions put them, before anything is hidden.
import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { SallyportError } from '../base/index.ts'

export const packages = {
  unshare: 'util-linux',
  setpriv: 'util-linux',
  ip: 'iproute2',
  nft: 'nftables',
  sh: 'dash',
  env: 'coreutils',
  setsid: 'util-linux',
} as const

export type ToolName = keyof typeof packages
export type Tools = Readonly<Record<ToolName, string>>

/** System directories come before the caller's PATH: as root, nobody else's `nft` is run. */
const systemDirectories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/run/current-system/sw/bin']

export function findTool(name: ToolName, path: string | undefined): string | undefined {
  const directories = [...systemDirectories, ...(path ?? '').split(':').filter((directory) => directory.startsWith('/'))]
  return directories.map((directory) => join(directory, name)).find(isProgram)
}

export function findTools(path: string | undefined): Tools {
  const found: Record<string, string> = {}
  const missing: ToolName[] = []
  for (const name of toolNames) {
    const program = findTool(name, path)
    if (program === undefined) missing.push(name)
    else found[name] = program
  }
  const { unshare, setpriv, ip, nft, sh, env, setsid } = found
  if (unshare && setpriv && ip && nft && sh && env && setsid) return { unshare, setpriv, ip, nft, sh, env, setsid }
  throw new SallyportError('SLP0006', `the seal needs ${missing.map((name) => `\`${name}\``).join(' and ')}, not found on this machine`, {
    fix: installHint(missing),
  })
}

export function installHint(missing: readonly ToolName[]): string {
  const wanted = [...new Set(missing.map((name) => packages[name]))].join(' ')
  return `install it: apt-get install ${wanted} (dnf install ${wanted}, apk add ${wanted})`
}

export const toolNames = ['unshare', 'setpriv', 'ip', 'nft', 'sh', 'env', 'setsid'] as const satisfies readonly ToolName[]

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
