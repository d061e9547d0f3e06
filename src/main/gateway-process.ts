// Starts, beside a sidecar, the gateways that the files speak of but do not contain: processes behind Unix sockets that end with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { SallyportError, withTimeout } from '../base/index.ts'
import type { RunOptions } from '../cli/index.ts'
import type { SynthesisedGateway } from '../model/index.ts'
import { openSocketDirectory, type SocketDirectory } from './socket-directory.ts'
import { authorityDirectory } from './state-directory.ts'

const readyWithinMs = 10_000
const endsWithinMs = 2000

export interface GatewayProcesses {
  /** Starts those that do not run yet; resolves when all serve. */
  ensure(gateways: readonly SynthesisedGateway[]): Promise<void>
  /** Ends them once they have written their records. */
  close(): Promise<void>
}

export function gatewayProcesses(options: RunOptions, sockets: string): GatewayProcesses {
  const running = new Map<string, ChildProcess>()
  let closed = false
  let directory: Promise<SocketDirectory> | undefined
  const start = async (gateway: SynthesisedGateway): Promise<void> => {
    const key = `${gateway.namespace}/${gateway.name}`
    if (running.has(key) || gateway.serviceHosts.length === 0) return
    if (options.files.includes('-'))
      throw new SallyportError('SLP5001', `gateway ${key} would run beside this sidecar, and cannot read standard input a second time`, {
        fix: 'put the declarations into a file, or declare the gateway’s Service and address',
      })
    directory ??= openSocketDirectory(sockets, options.expose)
    await directory
    if (closed || running.has(key)) return
    process.stderr.write(
      `sallyport: the files select gateway ${key} and declare no address of it: it runs beside this sidecar, as ${gateway.serviceHost} ports ${gateway.servicePorts.join(', ')}\n`,
    )
    const child = spawn(process.execPath, [...largePages(), process.argv[1] ?? '', ...argumentsOf(gateway, options, sockets)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    running.set(key, child)
    child.once('exit', (code) => {
      running.delete(key)
      if (!closed) process.stderr.write(`sallyport: gateway ${key} ended with code ${code ?? 'none'}: what goes through it is refused\n`)
    })
    await withTimeout(whenReady(child, key), readyWithinMs, `gateway ${key} did not serve in time`)
  }
  return {
    async ensure(gateways) {
      await Promise.all(gateways.map(start))
    },
    async close() {
      closed = true
      await Promise.all([...running.values()].map(endChild))
      const made = await directory?.catch(() => undefined)
      made?.close()
    },
  }
}

/** It ends when its channel does; a signal would not tell it from one that was meant for the sidecar. */
async function endChild(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (child.connected) child.disconnect()
  await withTimeout(ended, endsWithinMs, 'the gateway did not end').catch(() => child.kill('SIGKILL'))
}

function whenReady(child: ChildProcess, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('error', reject)
    child.once('exit', (code) => reject(new SallyportError('SLP5001', `gateway ${key} ended with code ${code ?? 'none'} before it served`)))
  })
}

/** As this process was started (docs/adr/0012), but with nothing else that Node.js was told of it alone. */
function largePages(): readonly string[] {
  return process.execArgv.filter((option) => option.startsWith('--use-largepages'))
}

function argumentsOf(gateway: SynthesisedGateway, options: RunOptions, sockets: string): string[] {
  const labels = Object.entries(gateway.labels).flatMap(([key, value]) => ['-l', `${key}=${value}`])
  const files = options.files.flatMap((file) => ['-f', file])
  const shared = (['outbound', 'strictness', 'resolver', 'flows', 'engine'] as const).flatMap((name) => {
    const value = options[name]
    return value === undefined ? [] : [`--${name}`, value]
  })
  const envoy = options.envoyPath === undefined ? [] : ['--envoy-path', options.envoyPath]
  const accessLog = options.accessLog === undefined ? [] : ['--access-log', options.accessLog]
  const folders = ['--ca-dir', authorityDirectory(options)]
  return [
    'gateway',
    '--sockets',
    sockets,
    '-n',
    gateway.namespace,
    '--name',
    gateway.name,
    ...labels,
    ...files,
    ...shared,
    ...envoy,
    ...accessLog,
    ...folders,
  ]
}
