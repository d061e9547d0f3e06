// Names the folder of what is kept from one start to the next.
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ProxyOptions } from '../cli/index.ts'

/** Where the certificate authority of this user's meshes is kept, unless somebody names another folder. */
export function authorityDirectory({ caDir, stateDir }: Partial<Pick<ProxyOptions, 'caDir' | 'stateDir'>>): string {
  return caDir ?? join(stateDir ?? usualStateDirectory(), 'ca')
}

/** Unless somebody names another one: as the XDG Base Directory Specification has it. */
export function usualStateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const said = env['XDG_STATE_HOME']
  return join(said?.startsWith('/') === true ? said : join(homedir(), '.local', 'state'), 'sallyport')
}

/** What `sallyport serve` keeps unless told otherwise. */
export function servedDirectory(): string {
  return join(usualStateDirectory(), 'serve')
}

/** By which it is found on its own machine. */
export function servedKubeconfig(): string {
  return join(servedDirectory(), 'kubeconfig')
}
