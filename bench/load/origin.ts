// Plays the TCP origin: answers what comes first with two bytes, or sends as many megabytes as it is asked for.
import { createServer, type Socket } from 'node:net'

const piece = Buffer.alloc(262_144, 'bulk bytes ')
const answer = Buffer.from('ok')

export function serveOrigin(port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (first: Buffer) => {
      const wanted = /^G(\d+)\n/.exec(first.toString('latin1', 0, 16))?.[1]
      if (wanted === undefined) socket.write(answer)
      else send(socket, Number(wanted) * 4)
    })
  })
  server.listen({ host: '127.0.0.1', port, backlog: 4096 })
  process.stdin.resume().once('end', () => process.exit(0))
}

function send(socket: Socket, pieces: number): void {
  let left = pieces
  const more = (): void => {
    while (left > 0) {
      left--
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
    socket.end()
  }
  more()
}
