// Lays the ground on which engines of the simulation stand: a node for them, one for a gateway, and an outside where every address and port answers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundled } from './outside-servers.ts'
import type { Names } from './stand.ts'
import { createWorld, type WorldNode } from './world.ts'

interface Meeting {
  readonly at: string
  readonly when: number
}

export interface Ground {
  readonly engines: WorldNode
  readonly gateway: WorldNode
  /** Where the outside was met from this `ip:port` since then, by `performance.now()`: ports are used again, and towards several at a time. */
  reachedFrom(local: string, since: number): readonly string[]
  /** What the nodes' hosts files say from now on; it is read again after `hostsAreReadMs`. */
  setNames(names: Names): void
  close(): Promise<void>
}

/** How long a changed hosts file may go unseen. */
export const hostsAreReadMs = 1050

/** No test dials these. */
const network = { out: '172.31.254.1', engines: '172.31.254.11', gateway: '172.31.254.20', all: '172.31.254.0/24' } as const
const six = { out: 'fd77::1', engines: 'fd77::11', gateway: 'fd77::20' } as const

/** Who may ask the gateway. */
export const groundNetwork = network.all

/** Half of all addresses each, so that these routes leave those to the neighbours alone. */
const everything = ['0.0.0.0/1', '128.0.0.0/1', '::/1', '8000::/1']
const redirecting = 'table inet origin {\nchain in {\ntype nat hook prerouting priority dstnat\nmeta l4proto tcp redirect to :9999\n}\n}\n'

export async function layGround(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'ground-'))
  const hosts = join(folder, 'hosts')
  writeFileSync(hosts, '')
  const inside = (name: 'engines' | 'gateway') => ({
    addresses: [`${network[name]}/24`, `${six[name]}/64`],
    gateways: [network.out, six.out],
    // Nobody answers there: names are those of the hosts file.
    resolvConf: 'nameserver 127.0.0.1\n',
  })
  const out = { addresses: [`${network.out}/24`, `${six.out}/64`], local: everything }
  const world = await createWorld({ nodes: { out, engines: inside('engines'), gateway: inside('gateway') } })
  const nodes = [world.node('engines'), world.node('gateway')]
  for (const node of nodes) await mustRun(node, ['mount', '--bind', hosts, '/etc/hosts'])
  await mustRun(world.node('out'), ['nft', '-f', '-'], redirecting)
  const origin = world.node('out').spawn(process.execPath, [bundled('test-origin.js')], { cwd: folder })
  const reached = new Map<string, Meeting[]>()
  await origin.says('ready')
  let rest = ''
  origin.output?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [from = '', at = ''] = line.split(' ')
      reached.set(from, [...(reached.get(from) ?? []), { at, when: performance.now() }])
    }
  })
  return {
    engines: world.node('engines'),
    gateway: world.node('gateway'),
    reachedFrom: (local, since) => (reached.get(local) ?? []).flatMap(({ at, when }) => (when >= since ? [at] : [])),
    setNames(names) {
      const lines = Object.entries(names).flatMap(([name, list]) => list.map((ip) => `${ip} ${name}\n`))
      writeFileSync(hosts, lines.join(''))
    },
    async close() {
      await world.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function mustRun(node: WorldNode, [command = '', ...args]: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await node.exec(command, args, input === undefined ? {} : { input })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} in ${node.name}: ${stderr}`)
}
