// Does long work in slices, so that whoever serves traffic on the same event loop is never kept waiting by it.

/** Work that says, by yielding, where it may be interrupted. */
export type Steps<T> = Generator<void, T, void>

/** All of it at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/** Milliseconds after which the event loop gets its turn. */
const SLICE_MS = 3

export interface SlicedWork {
  /** Does what is left at once. */
  finish(): void
  /** What is left is never done. */
  cancel(): void
}

export interface SliceEnds<T> {
  /** Called last. */
  readonly done: (value: T) => void
  readonly failed: (error: unknown) => void
  /** Milliseconds between slices, in which others have the event loop for themselves. */
  readonly pause?: number
}

/** Begins at once. `now` in milliseconds. */
export function inSlices<T>(
  steps: Steps<T>,
  { done, failed, pause }: SliceEnds<T>,
  now: () => number = () => performance.now(),
): SlicedWork {
  let timer: { readonly clear: () => void } | undefined
  let isOver = false
  const end = (act: () => void): void => {
    isOver = true
    timer?.clear()
    act()
  }
  const run = (until: number): void => {
    try {
      while (!isOver) {
        const { done: isDone, value } = steps.next()
        if (isDone) return end(() => done(value))
        if (now() < until) continue
        timer = later(pause, () => run(now() + SLICE_MS))
        return
      }
    } catch (error) {
      end(() => failed(error))
    }
  }
  run(now() + SLICE_MS)
  return {
    finish: () => {
      timer?.clear()
      run(Number.POSITIVE_INFINITY)
    },
    cancel: () => end(() => undefined),
  }
}

function later(pause: number | undefined, act: () => void): { readonly clear: () => void } {
  if (pause === undefined) {
    const immediate = setImmediate(act)
    return { clear: () => clearImmediate(immediate) }
  }
  const timer = setTimeout(act, pause)
  return { clear: () => clearTimeout(timer) }
}
