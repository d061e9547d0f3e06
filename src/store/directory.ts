// Makes the directory of a store ready, and says in words of its own what is wrong with one that cannot be used.
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory, messageOf, SallyportError } from '../base/index.ts'

/** Only its owner may read it: Secrets are objects too. */
export function prepareDirectory(directory: string): void {
  try {
    makeDirectory(directory)
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory')
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(directory, error)
  }
}

export function unusable(directory: string, error: unknown): SallyportError {
  const why = /EROFS|Read-only/.test(messageOf(error)) ? 'its file system is read-only' : messageOf(error)
  const message = `${directory} cannot be used for objects: ${why}`
  return new SallyportError('SLP6001', message, { fix: 'name a directory that you may write to with --data', cause: error })
}

export function locked(directory: string, error: unknown): SallyportError {
  const message = `${directory} is in use by another process`
  return new SallyportError('SLP6002', message, { fix: 'end the other serve, or name another directory with --data', cause: error })
}

/** What is damaged is not gone on with: objects that are lost unseen are rules that no longer hold. */
export function damaged(directory: string, why: string, cause?: unknown): SallyportError {
  const message = `the objects in ${directory} are damaged: ${why}`
  const fix = `bring a backup back, with sallyport restore FILE --data ${dirname(directory)} --force`
  return new SallyportError('SLP6004', message, { fix, ...(cause === undefined ? {} : { cause }) })
}
