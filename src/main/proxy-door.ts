// Keeps the explicit-proxy door open at the port that the option or the mesh names, also when the mesh names another one later.
import type { Server } from 'node:net'
import { type Ip, messageOf } from '../base/index.ts'
import type { DataPlane } from '../proxy/index.ts'
import type { RefusalAddresses } from '../dns/index.ts'
import type { Seal } from '../seal/index.ts'
import type { Control } from './control.ts'

export interface DoorParts {
  /** Over what the mesh says. */
  readonly port: number | undefined
  readonly control: Control
  readonly seal: Seal
  readonly plane: DataPlane
  readonly refusals: RefusalAddresses
}

/** Resolves when the door is open, or none is wanted; rejects when it cannot be opened. Returns what ends the following. */
export async function followDoor(parts: DoorParts): Promise<() => void> {
  const door = new ProxyDoor(parts)
  await door.move(portOf(parts))
  if (parts.port !== undefined) return () => undefined
  return parts.control.runtime.watch(() => {
    void door.move(portOf(parts)).catch((error: unknown) => process.stderr.write(`sallyport: ${messageOf(error)}\n`))
  })
}

function portOf({ port, control }: DoorParts): number {
  return port ?? control.settings().mesh.proxyHttpPort ?? 0
}

class ProxyDoor {
  readonly #parts: DoorParts
  #port = 0
  #servers: readonly Server[] = []
  /** One move at a time. */
  #moving: Promise<void> = Promise.resolve()

  constructor(parts: DoorParts) {
    this.#parts = parts
  }

  move(port: number): Promise<void> {
    if (port === this.#port) return this.#moving
    this.#port = port
    this.#moving = this.#moving.catch(() => undefined).then(() => this.#open(port))
    return this.#moving
  }

  async #open(port: number): Promise<void> {
    for (const server of this.#servers) server.close()
    this.#servers = []
    if (port === 0 || port !== this.#port) return
    const { seal, plane } = this.#parts
    this.#servers = await seal.openDoor(port)
    for (const server of this.#servers) plane.adoptDoor(server, (name) => this.#addressOf(name))
  }

  /** As the workload's DNS has it: an address that is declared or stands for the name, or one that leads nowhere but here. */
  #addressOf(name: string): Ip {
    const { control, refusals } = this.#parts
    return control.runtime.value?.declaredName(name)?.addresses[0] ?? refusals.addressFor(name, 4)
  }
}
