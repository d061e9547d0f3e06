// Gets the resources of a node from where the command line says: files, a server, or the admin server of a running proxy.
import { SallyportError } from '../../base/index.ts'
import { buildModel } from '../../model/index.ts'
import { translate } from '../../translate/index.ts'
import { type Listed, listSnapshot, type Observation, observe, type Observed } from '../../xds/index.ts'
import { readDeclarations, writeIssues } from '../declarations.ts'
import { exitCodes } from '../exit-codes.ts'
import { xdsTargetOf } from '../server/xds-target.ts'
import { policyOf, UsageError, type Values, xdsAddressOf } from '../values.ts'
import type { WantedNode } from './wanted-node.ts'

const snapshotMs = 15_000

/** From `-f`, from `--xds`, or without either from the API server that is known. */
export function listedFor(values: Values, wanted: WantedNode): Promise<readonly Listed[]> {
  const { files } = policyOf(values)
  if (xdsAddressOf(values) !== undefined && files.length > 0) throw new UsageError('SLP0002', '-f and --xds exclude each other here')
  return files.length === 0 ? fromServer(xdsTargetOf(values), wanted) : fromFiles(values, wanted)
}

/** Rejects when the files are not valid: what would be served is then what was good before. */
export async function fromFiles(values: Values, { proxy }: WantedNode): Promise<readonly Listed[]> {
  const config = await readDeclarations(policyOf(values))
  writeIssues(
    config.issues.filter(({ level }) => level === 'error'),
    process.stderr,
  )
  return listSnapshot(translate(buildModel(config.resources, config.settings), proxy).snapshot)
}

export async function fromServer(target: Observed, { node }: WantedNode): Promise<readonly Listed[]> {
  const done = new AbortController()
  const listed = new Map<string, Listed>()
  const limit = setTimeout(() => done.abort(), snapshotMs)
  let isComplete = false
  try {
    const onObserved = ({ sent }: Observation): void => {
      for (const one of sent) listed.set(`${one.typeUrl} ${one.name}`, one)
    }
    const onComplete = (): void => {
      isComplete = true
      done.abort()
    }
    await reaching(observe({ ...target, node, onObserved, onComplete, signal: done.signal }))
  } finally {
    clearTimeout(limit)
  }
  if (!isComplete) throw new Unreachable(`${target.address} did not say all that it has in ${snapshotMs / 1000} seconds`)
  return Array.from(listed.values())
}

/** Waits for a server, whose absence is neither a fault of ours nor of the command line. */
export async function reaching<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw error instanceof SallyportError && error.code === 'SLP4202' ? new Unreachable(error.message, error.fix) : error
  }
}

class Unreachable extends SallyportError {
  readonly exitCode = exitCodes.unreachable

  constructor(message: string, fix?: string) {
    super('SLP4202', message, fix === undefined ? {} : { fix })
  }
}
