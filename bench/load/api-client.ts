// Is the clients of `sallyport serve`: writers, readers of lists and watchers, each on connections of its own. One line of JSON each way.
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { createInterface } from 'node:readline'
import { entry } from '../scale-declarations.ts'
import { readServed } from './served-files.ts'

export type ApiWish =
  /** Creates so many ServiceEntries of every usual kind. */
  | { readonly fill: number }
  /** So many writers, each waiting for its answer, create or change so many objects in all: times of each. */
  | { readonly write: number; readonly clients: number; readonly verb: 'create' | 'apply' }
  /** Times of the whole answer, so many one after the other. */
  | { readonly list: string; readonly times: number }
  /** So many watches more of ConfigMaps, each told when it has begun. */
  | { readonly watch: number }
  /** Changes a ConfigMap so often: times from before the request to the moment in which the last watcher has it. */
  | { readonly change: number }

export interface ApiGranted {
  /** Milliseconds. */
  readonly took: readonly number[]
  /** From the beginning of the first to the end of the last. */
  readonly ms: number
  /** Of the last answer. */
  readonly bytes: number
}

export interface ApiPlace {
  readonly url: string
  readonly data: string
}

const entriesPath = '/apis/networking.istio.io/v1/namespaces/default/serviceentries'
const mapsPath = '/api/v1/namespaces/default/configmaps'
const FILLERS = 16

/** `place`: an `ApiPlace` as JSON. */
export async function askServer(place: string): Promise<void> {
  const clients = new Clients(JSON.parse(place) as ApiPlace)
  process.stdout.write('{"ready":true}\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const granted = await grant(clients, JSON.parse(line) as ApiWish)
    process.stdout.write(`${JSON.stringify(granted)}\n`)
  }
  process.exit()
}

function grant(clients: Clients, wish: ApiWish): Promise<ApiGranted> {
  if ('fill' in wish) return clients.fill(wish.fill)
  if ('write' in wish) return clients.write(wish.write, wish.clients, wish.verb)
  if ('list' in wish) return clients.list(wish.list, wish.times)
  return 'watch' in wish ? clients.watch(wish.watch) : clients.change(wish.change)
}

class Clients {
  readonly #url: URL
  readonly #authority: string
  readonly #token: string
  readonly #agent: Agent
  /** The server may have what others have written. */
  readonly #names = `w${Date.now().toString(36)}`
  #written = 0
  #watchers = 0
  #told = 0
  #allTold: () => void = () => undefined

  constructor({ url, data }: ApiPlace) {
    this.#url = new URL(url)
    const { authority, token } = readServed(data)
    this.#authority = authority
    this.#token = token
    this.#agent = this.#newAgent()
  }

  fill(count: number): Promise<ApiGranted> {
    let next = 0
    return this.#timed(count, FILLERS, (agent) =>
      this.#ask(agent, 'POST', entriesPath, { type: 'application/yaml', body: entry(next++), code: 201 }),
    )
  }

  write(count: number, clients: number, verb: 'create' | 'apply'): Promise<ApiGranted> {
    const first = this.#written
    this.#written += count
    let next = first
    return this.#timed(count, clients, (agent) => {
      const i = next++
      const name = `${this.#names}-${i}`
      if (verb === 'create') return this.#ask(agent, 'POST', entriesPath, { body: entryOf(name, i), code: 201 })
      const path = `${entriesPath}/applied-${i % 100}?fieldManager=bench&force=true`
      return this.#ask(agent, 'PATCH', path, { type: 'application/apply-patch+yaml', body: entryOf(`applied-${i % 100}`, i), code: 200 })
    })
  }

  list(path: string, times: number): Promise<ApiGranted> {
    return this.#timed(times, 1, (agent) => this.#ask(agent, 'GET', path, { code: 200 }))
  }

  async watch(count: number): Promise<ApiGranted> {
    const granted = await this.#timed(count, FILLERS, () => this.#openWatch())
    this.#watchers += count
    return granted
  }

  async change(count: number): Promise<ApiGranted> {
    await this.#ask(this.#agent, 'PATCH', `${mapsPath}/watched?fieldManager=bench`, { ...applied(0), code: 201 })
    const took: number[] = []
    for (let i = 1; i <= count; i++) {
      // What the one before has led to is over.
      await new Promise((resolve) => setTimeout(resolve, 200))
      this.#told = 0
      const all = new Promise<void>((resolve) => (this.#allTold = resolve))
      const began = performance.now()
      await this.#ask(this.#agent, 'PATCH', `${mapsPath}/watched?fieldManager=bench`, { ...applied(i), code: 200 })
      await all
      took.push(performance.now() - began)
    }
    return { took, ms: took.reduce((sum, one) => sum + one, 0), bytes: 0 }
  }

  /** Resolves when the answer has begun; each line of it is one event. */
  #openWatch(): Promise<number> {
    const path = `${mapsPath}?watch=true&resourceVersion=0&allowWatchBookmarks=true`
    return new Promise((resolve, reject) => {
      const sent = this.#request(this.#newAgent(), 'GET', path, (response) => {
        response.on('data', (chunk: Buffer) => {
          if (!chunk.includes('\n') || ++this.#told < this.#watchers) return
          this.#allTold()
        })
        response.once('end', () => process.stderr.write('a watch has ended\n'))
        resolve(0)
      })
      sent.once('error', reject)
      sent.end()
    })
  }

  async #timed(count: number, clients: number, one: (agent: Agent) => Promise<number>): Promise<ApiGranted> {
    const took: number[] = []
    let left = count
    let bytes = 0
    const began = performance.now()
    const work = async (): Promise<void> => {
      const agent = this.#newAgent()
      while (left-- > 0) {
        const start = performance.now()
        bytes = await one(agent)
        took.push(performance.now() - start)
      }
      agent.destroy()
    }
    await Promise.all(Array.from({ length: clients }, work))
    return { took, ms: performance.now() - began, bytes }
  }

  #ask(agent: Agent, method: string, path: string, asked: Asked): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(agent, method, path, (response) => {
        let bytes = 0
        let text = ''
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (response.statusCode !== asked.code && text.length < 2000) text += chunk.toString()
        })
        response.once('error', reject)
        response.once('end', () => {
          if (response.statusCode === asked.code || (asked.code === 200 && response.statusCode === 201)) resolve(bytes)
          else reject(new Error(`${method} ${path}: ${response.statusCode ?? 0} ${text}`))
        })
      })
      sent.once('error', reject)
      if (asked.body !== undefined) sent.setHeader('Content-Type', asked.type ?? 'application/json')
      sent.end(asked.body)
    })
  }

  #request(agent: Agent, method: string, path: string, answered: (response: IncomingMessage) => void) {
    const { hostname, port } = this.#url
    const headers = { Authorization: `Bearer ${this.#token}` }
    return request({ hostname, port, path, method, agent, ca: this.#authority, headers }, answered)
  }

  #newAgent(): Agent {
    return new Agent({ keepAlive: true, maxSockets: 1 })
  }
}

interface Asked {
  readonly body?: string
  readonly type?: string
  readonly code: number
}

function entryOf(name: string, i: number): string {
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec: {
      hosts: [`${name}.bench`],
      location: 'MESH_EXTERNAL',
      resolution: 'STATIC',
      ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
      endpoints: [{ address: `198.51.100.${1 + (i % 250)}` }],
    },
  })
}

function applied(i: number): { readonly type: string; readonly body: string } {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'watched', namespace: 'default' }, data: { number: String(i) } }
  return { type: 'application/apply-patch+yaml', body: JSON.stringify(object) }
}
