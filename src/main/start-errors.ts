// Keeps a role from starting on declarations that are not all valid.
import { SallyportError } from '../base/index.ts'
import type { Control } from './control.ts'

/**
 * Later a bad document leaves its last good version in force; at the start there is none, and what it was to forbid would be open.
 * `what` is what does not start.
 */
export function refuseErrors(control: Pick<Control, 'errors'>, what: string): void {
  const count = control.errors().length
  if (count === 0) return
  const errors = count === 1 ? 'an error' : `${count} errors`
  throw new SallyportError('SLP0102', `the declarations have ${errors} (above), so ${what} is not started`, {
    fix: 'put that right first; `sallyport analyze -f PATH` lists every problem',
  })
}
