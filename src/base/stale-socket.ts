// Tells whether somebody still listens at a Unix socket, and makes room where a program that was killed has left one behind.
import { lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'

/** Only what exists and is refused is surely left behind: whatever else goes wrong proves nothing. One that answers is somebody's, and listening there then fails as it should. */
export async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
  if (isSocket && (await isAbandoned(path))) rmSync(path)
}

/** Whether no process holds the socket any more. */
export function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const end = (isIt: boolean): void => {
      socket.destroy()
      resolve(isIt)
    }
    socket.setTimeout(1000, () => end(false))
    socket.once('connect', () => end(false))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
  })
}
