// Names the folders of what is kept from one start to the next, unless somebody names others.
import { homedir } from 'node:os'
import { join } from 'node:path'

/** As the XDG Base Directory Specification has it. */
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
