// `sallyport exec`: a command in the seal of a Pod, by Kubernetes' channel protocol; this process's streams are the command's.
import { type ApiClient, channels, execProtocol, frame } from '../../client/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { UsageError, type Values } from '../values.ts'
import { type ExecEnd, execEnd } from './exec-end.ts'
import { podPath } from './pod-path.ts'

/** What the server has not taken yet; nothing more is read of standard input until it has. */
const mostUnsent = 1024 * 1024

export async function execInPod(name: string, words: readonly string[], values: Values): Promise<number> {
  // As with kubectl, it stands between the Pod and the command.
  const command = words[0] === '--' ? words.slice(1) : words
  if (command.length === 0) throw new UsageError('SLP0002', 'no command is named', { fix: 'write sallyport exec POD -- COMMAND' })
  const isTty = values['tty'] === true && process.stdin.isTTY
  const isStdin = values['stdin'] === true
  const query = new URLSearchParams()
  for (const word of command) query.append('command', word)
  for (const [parameter, is] of Object.entries({ stdin: isStdin, stdout: true, stderr: !isTty, tty: isTty }))
    query.set(parameter, String(is))
  return withServer(values, async (api) => {
    // Said in the server's words, which a WebSocket would not pass on.
    await api.ask({ path: podPath(name, values) })
    return inTerminal(isTty && isStdin, () => session(api, `${podPath(name, values)}/exec?${query.toString()}`, { isTty, isStdin }))
  })
}

/** What is typed is the command's, Ctrl-C included. */
async function inTerminal<T>(isRaw: boolean, use: () => Promise<T>): Promise<T> {
  if (!isRaw) return use()
  process.stdin.setRawMode(true)
  try {
    return await use()
  } finally {
    process.stdin.setRawMode(false)
  }
}

function session(
  api: ApiClient,
  path: string,
  { isTty, isStdin }: { readonly isTty: boolean; readonly isStdin: boolean },
): Promise<number> {
  const socket = api.socket(path, execProtocol)
  const send = (channel: number, bytes: Uint8Array): void => {
    socket.send(frame(channel, bytes), () => {
      if (process.stdin.isPaused() && isStdin && socket.bufferedAmount < mostUnsent) process.stdin.resume()
    })
    if (socket.bufferedAmount >= mostUnsent) process.stdin.pause()
  }
  const tellSize = (): void => {
    const { columns: Width, rows: Height } = process.stdout
    if (socket.readyState === socket.OPEN) send(channels.resize, Buffer.from(JSON.stringify({ Width, Height })))
  }
  return new Promise((resolve, reject) => {
    let end: ExecEnd | undefined
    socket.on('open', () => {
      if (isTty) tellSize()
      if (isTty) process.on('SIGWINCH', tellSize)
      if (!isStdin) return
      process.stdin.on('data', (chunk: Buffer) => send(channels.stdin, chunk))
      process.stdin.once('end', () => socket.send(Buffer.from([channels.close, channels.stdin])))
    })
    socket.on('message', (data: Buffer) => {
      const bytes = data.subarray(1)
      if (data[0] === channels.stdout) show(process.stdout, bytes, socket)
      else if (data[0] === channels.stderr) show(process.stderr, bytes, socket)
      else if (data[0] === channels.status) end = execEnd(bytes)
    })
    const leave = (): void => {
      end ??= { code: exitCodes.negative }
      socket.terminate()
    }
    // Nobody reads what the command says, and nobody waits for it.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', leave)
    socket.on('error', reject)
    socket.once('close', () => {
      process.off('SIGWINCH', tellSize)
      process.stdin.pause()
      const { code, says } = end ?? { code: exitCodes.negative, says: 'it was broken off: nobody has said how the command ended' }
      if (says !== undefined) process.stderr.write(`${says}\n`)
      resolve(code)
    })
  })
}

/** No faster than it is read. */
function show(to: NodeJS.WriteStream, bytes: Buffer, socket: ReturnType<ApiClient['socket']>): void {
  if (to.write(bytes) || socket.isPaused) return
  socket.pause()
  to.once('drain', () => socket.resume())
}
