// Names the folders of what is kept from one start to the next, and makes folders that only their owner may enter.
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

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

/** With those above it. One after the other: where nothing can be made, as below /proc, Node's own recursive form never returns. */
export function makeDirectory(path: string): void {
  const all = resolve(path)
  if (existsSync(all)) return
  makeDirectory(dirname(all))
  try {
    mkdirSync(all, { mode: 0o700 })
  } catch (error) {
    // Somebody else made it in the same moment.
    if (!existsSync(all)) throw error
  }
}
