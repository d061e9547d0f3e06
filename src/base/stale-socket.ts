// Makes room for a Unix socket where a program that was killed has left one behind.
import { lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'

/** One that answers is somebody's, and listening then fails as it should. */
export async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
  if (isSocket && !(await isAnswered(path))) rmSync(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const end = (isAlive: boolean): void => {
      socket.destroy()
      resolve(isAlive)
    }
    socket.setTimeout(1000, () => end(true))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
