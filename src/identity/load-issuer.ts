// Loads what signs certificates only when something is to be signed: its library takes a while, and few ever sign anything.
import type * as Issuing from './issuer.ts'

export function loadIssuer(): Promise<typeof Issuing> {
  return import('./issuer.ts')
}
