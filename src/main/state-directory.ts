// Names the folder of the certificate authority, and where the other ones are named.
import { join } from 'node:path'
import { usualStateDirectory } from '../base/index.ts'
import type { ProxyOptions } from '../cli/index.ts'

export { servedDirectory, servedKubeconfig, usualStateDirectory } from '../base/index.ts'

/** Where the certificate authority of this user's meshes is kept, unless somebody names another folder. */
export function authorityDirectory({ caDir, stateDir }: Partial<Pick<ProxyOptions, 'caDir' | 'stateDir'>>): string {
  return caDir ?? join(stateDir ?? usualStateDirectory(), 'ca')
}
