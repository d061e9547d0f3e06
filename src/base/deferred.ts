// Holds promises that are settled from outside, and puts a limit on waiting for one.
import { SallyportError } from './error.ts'

export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (error: unknown) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => undefined
  let reject: Deferred<T>['reject'] = () => undefined
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}

/** Settles as `promise` does, or rejects with `message` (code SLP0003) after `ms`. The work itself is not stopped. */
export async function withTimeout<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  const limit = deferred<never>()
  const timer = setTimeout(() => limit.reject(new SallyportError('SLP0003', `${message} (limit ${ms} ms)`)), ms)
  try {
    return await Promise.race([promise, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
