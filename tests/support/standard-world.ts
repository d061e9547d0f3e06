// Lays the standard topology for the tests of one file: made before the first of them, closed after the last.
import { afterAll, beforeAll } from 'vitest'
import { standardTopology } from './outside-plan.ts'
import { type Outside, startOutside } from './outside-servers.ts'
import { createWorld, type World, type WorldNode } from './world.ts'

export class StandardWorld {
  #world: World | undefined
  #outside: Outside | undefined

  constructor() {
    beforeAll(async () => {
      this.#world = await createWorld(standardTopology())
      this.#outside = await startOutside(this.#world.node('out'))
    })
    afterAll(async () => {
      await this.#outside?.close()
      await this.#world?.close()
    })
  }

  node(name: string): WorldNode {
    if (!this.#world) throw new Error('the world is there in tests only')
    return this.#world.node(name)
  }

  /** Where workloads run. */
  get w1(): WorldNode {
    return this.node('w1')
  }

  get outside(): Outside {
    if (!this.#outside) throw new Error('the outside is there in tests only')
    return this.#outside
  }
}
