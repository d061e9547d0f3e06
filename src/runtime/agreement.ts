// Tells whether the name that a flow carries is the one that its address was given out for.
import type { ConnectionFacts } from '../flow/index.ts'
import type { CompiledRuntime } from './compiled-runtime.ts'

/** An address that nobody gave out for a name agrees with every name: names are then what counts, and the address is not dialled. */
export function agrees(runtime: CompiledRuntime, name: string, { virtualName, destination }: ConnectionFacts): boolean {
  if (virtualName === undefined || name === virtualName.toLowerCase() || name === destination.ip) return true
  // Two hosts may share an address that their authors gave them.
  const declared = runtime.declaredName(name)
  return declared?.host === name && declared.addresses.includes(destination.ip)
}

export function mismatchText(what: string, name: string, { virtualName }: ConnectionFacts): string {
  return `the ${what} "${name}" does not agree with the dialled address, which stands for "${virtualName ?? ''}"`
}
