// An origin that reads as strictly as can be, answers what it can read in one way, and remembers what it was sent and what it could not read.
import { promptly } from './doors.ts'
import { type Origin, type Peer, startOrigin } from '../in-process/proxy-kit.ts'
import { readRequests, type StrictRequest } from './strict-reader.ts'

export interface Received {
  /** Whole requests, over all connections. */
  readonly requests: readonly StrictRequest[]
  readonly problems: readonly string[]
  /** Anything came, even a part of a request only. */
  readonly isTouched: boolean
}

export interface StrictOrigin {
  readonly origin: Origin
  /** What came since the last call, once nothing that came in part can still become whole. */
  take(): Promise<Received>
}

interface Connection {
  readonly peer: Peer
  /** Characters that have been read as whole requests. */
  read: number
  isBroken: boolean
}

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

export async function startStrictOrigin(): Promise<StrictOrigin> {
  const connections: Connection[] = []
  let requests: StrictRequest[] = []
  let problems: string[] = []
  let isTouched = false

  const read = (connection: Connection): void => {
    if (connection.isBroken) return
    const { messages, rest, problem } = readRequests(connection.peer.text.slice(connection.read))
    connection.read = connection.peer.text.length - rest.length
    requests.push(...messages)
    for (let count = messages.length; count > 0; count--) connection.peer.write(answer)
    if (problem === undefined) return
    problems.push(problem)
    connection.isBroken = true
    connection.peer.socket.destroy()
  }

  const origin = await startOrigin((peer) => {
    const connection: Connection = { peer, read: 0, isBroken: false }
    connections.push(connection)
    peer.socket.on('data', () => {
      isTouched = true
      read(connection)
    })
    peer.socket.on('end', () => peer.socket.end())
  })

  const isPartial = ({ peer, read: done, isBroken }: Connection): boolean =>
    !isBroken && peer.text.length > done && !peer.ended && !peer.closed
  return {
    origin,
    take: async () => {
      await promptly(() => !connections.some(isPartial), 'the end of a request that came in part')
      const received = { requests, problems, isTouched }
      isTouched = false
      requests = []
      problems = []
      return received
    },
  }
}
