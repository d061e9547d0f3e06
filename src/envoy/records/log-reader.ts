// Reads Envoy's access log from a named pipe, which stays open over restarts of Envoy.
import { spawnSync } from 'node:child_process'
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { SallyportError } from '../../base/index.ts'

export interface LogReader {
  close(): void
}

/** A longer line is none of ours. */
const longestLine = 1 << 20

/** Makes the pipe; Envoy opens it by its path. `onBroken` is told in words when nothing more will be read. */
export function readLog(path: string, onLine: (line: string) => void, onBroken: (text: string) => void): LogReader {
  const made = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' })
  if (made.status !== 0)
    throw new SallyportError('SLP5103', `Envoy's log has no place: mkfifo ${path}: ${made.error?.message ?? made.stderr}`)
  // Open for writing too, so that it does not end when Envoy does.
  const pipe = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false })
  let rest = ''
  pipe.setEncoding('utf8')
  pipe.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longestLine) rest = ''
    for (const line of lines) if (line !== '') onLine(line)
  })
  pipe.on('error', (error) => onBroken(`what Envoy writes down can no longer be read: ${error.message}`))
  return { close: () => void pipe.destroy() }
}
