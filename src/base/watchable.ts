// Publishes the latest state: late subscribers get the present value, an equal value is not published, and one bad listener hurts nobody else.

export type Unwatch = () => void

export class Watchable<T> {
  #value: T
  #version = 0
  readonly #equal: (a: T, b: T) => boolean
  readonly #onError: (error: unknown) => void
  readonly #listeners = new Set<{ readonly call: (value: T) => void }>()

  constructor(initial: T, equal: (a: T, b: T) => boolean = Object.is, onError: (error: unknown) => void = warnOfListener) {
    this.#value = initial
    this.#equal = equal
    this.#onError = onError
  }

  get value(): T {
    return this.#value
  }

  set(next: T): void {
    if (this.#equal(this.#value, next)) return
    this.#value = next
    const version = ++this.#version
    for (const listener of Array.from(this.#listeners)) {
      // A listener that set a newer value has told it to everybody already.
      if (this.#version !== version) return
      if (this.#listeners.has(listener)) this.#call(listener, next)
    }
  }

  /** Calls `listener` at once with the present value, then on every change until the returned function is called. */
  watch(listener: (value: T) => void): Unwatch {
    const entry = { call: listener }
    this.#listeners.add(entry)
    this.#call(entry, this.#value)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  #call(listener: { readonly call: (value: T) => void }, value: T): void {
    try {
      listener.call(value)
    } catch (error) {
      this.#onError(error)
    }
  }
}

/** What happens to an exception of a listener where no other hook was given: node prints it, and traffic goes on. */
export function warnOfListener(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
