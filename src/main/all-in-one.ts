// Composes `sallyport run`: the seal and, outside it, the sidecar; CMD starts only when both stand.
import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, SallyportError } from '../base/index.ts'
import type { RunOptions } from '../cli/index.ts'
import type { LogRing } from '../node/index.ts'
import { openSeal, parsePublish, type Publish, type Seal, type SealOptions } from '../seal/index.ts'
import { recordRefusal } from './refused.ts'
import { authorityDirectory, servedDirectory, usualStateDirectory } from './state-directory.ts'
import { searchDomains } from './search-domains.ts'

/** Resolves with CMD's exit code. Rejects when any part could not be made: CMD has not run then. */
export async function runWorkload(options: RunOptions): Promise<number> {
  const nonce = randomUUID()
  const publish = options.publish.map(readPublish)
  noteReadOnlyWork(options)
  // The seal is made by another process, so it is begun before the sidecar's own code is even loaded.
  const log = options.join === undefined ? undefined : new (await import('../node/index.ts')).LogRing()
  const sealing = settled(sealOf({ options, publish, nonce, log }))
  try {
    const { runSidecar } = await import('./sidecar.ts')
    return await runSidecar({ options, nonce, seal: () => sealing.take(), log })
  } finally {
    await sealing.close()
  }
}

function readPublish(text: string): Publish {
  const publish = parsePublish(text)
  if (!publish.ok) throw new SallyportError('SLP0002', `--publish ${publish.error}`, { fix: 'write --publish 8080:80' })
  return publish.value
}

interface SealParts {
  readonly options: RunOptions
  readonly publish: readonly Publish[]
  readonly nonce: string
  readonly log: LogRing | undefined
}

async function sealOf({ options, publish, nonce, log }: SealParts): Promise<Seal> {
  const source = { namespace: options.namespace, workload: options.name, labels: options.labels }
  return openSeal({
    command: options.command,
    env: { ...(options.env ?? process.env), ...(options.proxyEnv ? proxyEnvironment(options.httpProxyPort) : {}) },
    ...(await placeOf(options)),
    ...(options.user === undefined ? {} : { user: options.user }),
    expose: options.expose,
    publish,
    readOnly: [
      ...options.readOnly,
      ...options.files.filter((path) => path !== '-' && isKept(path)),
      ...openedRecords(options),
      ...stateDirectory(options),
    ],
    hidden: [hiddenAuthority(options), hiddenServer(), ...credentials(options)].filter((path) => path !== undefined),
    privateTmp: options.privateTmp,
    search: searchDomains(),
    probe: { nonce },
    entry: join(import.meta.dirname, 'seal-entry.js'),
    onRefused(list) {
      for (const { protocol, destination, port, packets } of list)
        recordRefusal(source, {
          kind: 'packets',
          protocol: protocol === 'udp' || protocol === 'icmp' ? protocol : 'unknown',
          destination: port === 0 ? destination : destination.includes(':') ? `[${destination}]:${port}` : `${destination}:${port}`,
          code: 'protocol-not-carried',
          count: packets,
        })
    },
    onNote: (text) => process.stderr.write(`sallyport: ${text}\n`),
    // Whoever asks for the logs of its Pod is told what it has written.
    ...(log && { onOutput: (stream, chunk) => log.write(stream, chunk) }),
  })
}

/** Where the command stands, and in what. */
async function placeOf({ rootfs, workdir }: RunOptions): Promise<Pick<SealOptions, 'cwd' | 'root'>> {
  if (rootfs === undefined) return { cwd: workdir ?? process.cwd() }
  const { systemBundles } = await import('../identity/index.ts')
  const authorities = systemBundles.find((path) => existsSync(path))
  return { cwd: workdir ?? '/', root: { ...rootfs, ...(authorities === undefined ? {} : { authorities }) } }
}

/** Programs differ in which of them they read, and in whether they read capital letters. */
function proxyEnvironment(port = 0): Readonly<Record<string, string>> {
  const proxy = `http://127.0.0.1:${port}`
  const values = { http_proxy: proxy, https_proxy: proxy, all_proxy: `socks5h://127.0.0.1:${port}`, no_proxy: 'localhost,127.0.0.1,::1' }
  return { ...values, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toUpperCase(), value])) }
}

/** `-f .` is allowed, and what it means is told before the command wonders why it cannot write. */
function noteReadOnlyWork({ files, rootfs }: RunOptions): void {
  if (rootfs !== undefined) return
  const here = realpathSync('.')
  const around = files.find((path) => path !== '-' && isKept(path) && `${here}/`.startsWith(`${realpathSync(path)}/`))
  if (around !== undefined)
    process.stderr.write(
      `sallyport: -f ${around} is read-only for the command, which works in it: give declarations a folder of their own\n`,
    )
}

/** Nor are records the command's to write: their files are made before the seal, so that they can be shown to it read-only. */
function openedRecords(options: RunOptions): readonly string[] {
  const paths = [options.flows, options.accessLog].filter((path): path is string => path !== undefined && path !== '-')
  for (const path of paths) if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  return paths.filter(isKept)
}

/** What is kept for the next start decides what that one allows: it is not the command's to write, whether or not this run keeps anything. */
function stateDirectory({ xds, join: joined, stateDir }: RunOptions): readonly string[] {
  const path = stateDir ?? usualStateDirectory()
  if (xds !== undefined || joined !== undefined) makeDirectory(path)
  return isKept(path) ? [path] : []
}

/**
 * The key that signs identities is nobody's inside. The folder is made before the seal, whether or not this run needs it: what is not there could
 * neither be hidden nor kept from being put there by the command.
 */
function hiddenAuthority(options: RunOptions): string | undefined {
  const path = authorityDirectory(options)
  try {
    makeDirectory(path)
  } catch {
    // Where this cannot be made, the command cannot make it either; that nothing is kept is told when it would be.
  }
  return isKept(path) ? path : undefined
}

/** Nor is what a server on this machine proves itself and its administrator with. */
function hiddenServer(): string | undefined {
  const path = servedDirectory()
  return isKept(path) ? path : undefined
}

/** Nor what this process proves itself with to a server. */
function credentials({ join: joining, hide }: RunOptions): readonly string[] {
  return [joining?.kubeconfig, joining?.tokenFile, ...hide].filter((path) => path !== undefined).filter(isKept)
}

/** A pipe, as shells make of `<(…)`, was read to its end and has no place that could be made read-only. */
function isKept(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && (stats.isFile() || stats.isDirectory())
}

/** Lets a promise be begun early and used late without its failure going unseen, and its result be closed when it was never used. */
function settled(promise: Promise<Seal>): { take(): Promise<Seal>; close(): Promise<void> } {
  const result = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  return {
    async take() {
      const got = await result
      if ('error' in got) throw got.error
      return got.value
    },
    async close() {
      const got = await result
      if ('value' in got) await got.value.close()
    },
  }
}
