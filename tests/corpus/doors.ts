// Opens the two ways into the proxy that hostile bytes take: a gateway, which reads HTTP at once, and a sidecar's listener, which looks first.
import type { Target } from '../../src/runtime/index.ts'
import {
  closedPort,
  deny,
  dialPeer,
  forward,
  type GatewayPlane,
  http,
  local,
  manager,
  type Peer,
  type Plane,
  sniffThen,
  startGateway,
  startPlane,
  until,
} from '../in-process/proxy-kit.ts'

export interface Door {
  readonly name: 'gateway' | 'sidecar'
  readonly port: number
  readonly plane: Pick<GatewayPlane | Plane, 'plane' | 'closed'>
}

export interface Doors {
  readonly all: readonly Door[]
  close(): Promise<void>
}

/** All that is HTTP goes to the target; to a sidecar what does not look like HTTP/1.1 is refused as a connection. */
export async function openDoors(target: Target): Promise<Doors> {
  const request = () => forward([target])
  const port = await closedPort()
  const gateway = await startGateway({
    connection: () => ({ verdict: 'http', manager: { ...manager, useRemoteAddress: true } }),
    request,
    boundListeners: [{ name: 'gateway', bind: local(port), proxyProtocol: false }],
  })
  await gateway.plane.whenBound()
  const sidecar = await startPlane({
    connection: sniffThen((facts) => (facts.first?.protocol === 'http1' ? http : deny({ flag: 'UH' }))),
    request,
  })
  return {
    all: [
      { name: 'gateway', port, plane: gateway },
      { name: 'sidecar', port: sidecar.port, plane: sidecar },
    ],
    close: async () => {
      await gateway.close()
      await sidecar.close()
    },
  }
}

/** In one piece, or cut where the numbers say. */
export async function sendIn(peer: Peer, bytes: string, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    if (peer.closed || peer.ended) return
    peer.write(bytes.slice(at, at + size))
    if (at + size < bytes.length) await new Promise((resolve) => setImmediate(resolve))
  }
}

export async function dialDoor(door: Door): Promise<Peer> {
  const peer = await dialPeer(door.port)
  peer.socket.on('error', () => undefined)
  return peer
}

/** Looks at every turn of the loop before it looks at the clock: there are thousands of these, and each is true at once. */
export async function promptly(condition: () => boolean, what: string): Promise<void> {
  for (let turns = 0; turns < 2000 && !condition(); turns++) await new Promise((resolve) => setImmediate(resolve))
  await until(condition, what)
}
