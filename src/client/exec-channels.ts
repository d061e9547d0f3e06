// Names the channels by which Kubernetes carries an exec over a WebSocket, for both of its ends.

export const execProtocol = 'v5.channel.k8s.io'

/** A byte at the beginning of each frame. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const

export function frame(channel: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([channel]), bytes])
}
