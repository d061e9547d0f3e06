// Writes to standard output no faster than it is read, and ends in peace when its reader has left.

export interface Writer {
  write(text: string): Promise<void>
  /** Called once, when nobody reads any more. */
  onClosed(listener: () => void): void
}

export function createWriter(stream: NodeJS.WritableStream): Writer {
  let isClosed = false
  let draining: Promise<void> | undefined
  let release = (): void => undefined
  const listeners: (() => void)[] = []
  // `| head` is no failure: whoever reads has seen enough.
  stream.on('error', () => {
    isClosed = true
    release()
    for (const listener of listeners.splice(0)) listener()
  })
  stream.on('drain', () => release())
  const drained = (): Promise<void> =>
    new Promise((resolve) => {
      release = () => {
        draining = undefined
        resolve()
      }
    })
  return {
    async write(text) {
      if (isClosed) return
      if (!stream.write(text)) draining ??= drained()
      await draining
    },
    onClosed(listener) {
      if (isClosed) listener()
      else listeners.push(listener)
    },
  }
}
