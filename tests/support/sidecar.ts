// Runs the real program in a node of a world, keeps its declarations, records and metrics at hand, and holds it to one record a flow.
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FlowRecord } from '../../src/flow/index.ts'
import type { NodeProcess, Output } from './node-process.ts'
import { addresses } from './outside-plan.ts'
import { bundled } from './outside-servers.ts'
import type { WorldNode } from './world.ts'

export interface SidecarPlan {
  /** YAML of the file `policy.yaml`. */
  readonly declarations?: string
  /** Options of `run` over the usual ones. */
  readonly options?: readonly string[]
  readonly command: readonly string[]
  /** Runs it as this user id. */
  readonly user?: number
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Address of the xDS server that takes the place of the file. */
  readonly xds?: string
  /** ALLOW_ANY unless left out. */
  readonly outbound?: 'REGISTRY_ONLY' | 'ALLOW_ANY'
}

export interface Sidecar {
  readonly running: NodeProcess
  /** A folder of this run alone, which every user may write to. */
  readonly folder: string
  /** Replaces `policy.yaml` in one step. */
  declare(text: string): void
  records(): FlowRecord[]
  /** Waits for its end, and removes its folder. Throws when a flow has no record, or a record no flow. */
  finish(): Promise<Output & { readonly records: readonly FlowRecord[] }>
}

export const ordinaryUser = 65_534

/** Who runs sidecars: everybody that these tests may be. */
export const users: Readonly<Record<string, { readonly user?: number }>> =
  process.getuid?.() === 0 ? { root: {}, 'an ordinary user': { user: ordinaryUser } } : { 'an ordinary user': {} }
const finishMs = 40_000

export function startSidecar(node: WorldNode, plan: SidecarPlan): Sidecar {
  const folder = openFolder()
  const policy = join(folder, 'policy.yaml')
  const flows = join(folder, 'flows.jsonl')
  writeFileSync(policy, plan.declarations ?? '')
  const source = plan.xds === undefined ? ['--outbound', plan.outbound ?? 'REGISTRY_ONLY', '-f', policy] : ['--xds', plan.xds]
  const options = [...source, '--resolver', addresses.out, '--flows', flows]
  const args = [bundled('bin.js'), 'run', ...options, ...(plan.options ?? []), '--', ...plan.command]
  const running = node.spawn(process.execPath, args, {
    cwd: folder,
    env: { HOME: folder, ...plan.env },
    ...(plan.user === undefined ? {} : { user: plan.user }),
  })
  const records = (): FlowRecord[] => readRecords(flows)
  return {
    running,
    folder,
    declare(text) {
      writeFileSync(`${policy}.new`, text)
      renameSync(`${policy}.new`, policy)
    },
    records,
    async finish() {
      const limit = setTimeout(() => running.signal('SIGKILL'), finishMs)
      const ending = await running.ended
      clearTimeout(limit)
      const output = { ...ending, stdout: running.stdout(), stderr: running.stderr(), records: records() }
      rmSync(folder, { recursive: true, force: true })
      if (output.stderr.includes('flows were opened')) throw new Error(output.stderr)
      return output
    },
  }
}

/** Starts it and waits for its end. */
export function runSidecar(node: WorldNode, plan: SidecarPlan): ReturnType<Sidecar['finish']> {
  return startSidecar(node, plan).finish()
}

/** A folder in which every user may write. */
export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-'))
  chmodSync(folder, 0o777)
  return folder
}

/** A line that is being written has no end yet. */
export function readRecords(path: string): FlowRecord[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter(Boolean).map((line): FlowRecord => JSON.parse(line))
}

/** The counters of `sallyport_flows_opened_total` and `sallyport_flows_recorded_total`, each summed over its labels. */
export async function readFlowCounters(node: WorldNode, admin: string): Promise<{ readonly opened: number; readonly recorded: number }> {
  const { code, stdout, stderr } = await node.exec('curl', ['-fsS', '-m', '5', `http://${admin}/stats/prometheus`])
  if (code !== 0) throw new Error(`no metrics at ${admin}: ${stderr}`)
  const sum = (name: string): number =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  return { opened: sum('sallyport_flows_opened_total'), recorded: sum('sallyport_flows_recorded_total') }
}

/** Waits until what was opened is recorded; live connections have to be closed before. */
export async function expectFlowsBalanced(node: WorldNode, admin: string): Promise<void> {
  const deadline = performance.now() + 3000
  for (;;) {
    const { opened, recorded } = await readFlowCounters(node, admin)
    if (opened === recorded) return
    if (performance.now() > deadline || recorded > opened)
      throw new Error(`${node.name}: ${opened} flows were opened and ${recorded} recorded`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
