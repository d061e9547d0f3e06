// Runs a command as `sallyport run` does, behind a seal that lacks one layer: only this suite can, to show that it would notice.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { recordRefusal } from '../../src/main/refused.ts'
import { runSidecar } from '../../src/main/sidecar.ts'
import { type Layer, layers, openSeal, type Refusal, type Seal } from '../../src/seal/index.ts'

const workload = { namespace: 'default', name: 'attacker', labels: {} } as const

interface WeakRun {
  readonly withoutLayer: Layer
  readonly nonce: string
  /** What the sidecar decides by; nothing else about this seal is weaker than usual. */
  readonly files: readonly string[]
  readonly command: readonly string[]
}

/** Arguments: the layer, a file for flow records, declarations or nothing, then the command. */
export async function runWeakly(args: readonly string[]): Promise<number> {
  const [name = '', flows = '', policy = '', ...command] = args
  const withoutLayer = layers.find((layer) => layer === name)
  if (withoutLayer === undefined) throw new Error(`the seal has no layer "${name}": it has ${layers.join(', ')}`)
  const run: WeakRun = { withoutLayer, nonce: randomUUID(), files: policy === '' ? [] : [policy], command }
  const nothing = { expose: [], readOnly: [], publish: [], privateTmp: false, proxyEnv: false, hide: [], serviceAccount: 'default' }
  const options = { ...nothing, ...workload, outbound: 'REGISTRY_ONLY', files: run.files, flows, command } as const
  return runSidecar({ nonce: run.nonce, options, seal: () => openWeakSeal(run) })
}

function openWeakSeal({ withoutLayer, nonce, files, command }: WeakRun): Promise<Seal> {
  return openSeal({
    command,
    env: process.env,
    cwd: process.cwd(),
    expose: [],
    publish: [],
    readOnly: [...files, '/etc/hosts'],
    search: [],
    probe: { nonce },
    entry: join(import.meta.dirname, 'test-weak-entry.js'),
    withoutLayer,
    onRefused: (refusals) => refusals.forEach(record),
    onNote: (text) => process.stderr.write(`${text}\n`),
  })
}

function record({ destination, port, packets }: Refusal): void {
  const address = destination.includes(':') ? `[${destination}]` : destination
  recordRefusal(
    { namespace: workload.namespace, workload: workload.name, labels: workload.labels },
    { kind: 'packets', protocol: 'unknown', destination: `${address}:${port}`, code: 'protocol-not-carried', count: packets },
  )
}
