// Keeps, in the server's folder, what the commands of its own Pods have written last: a file for each of the last two runs, as long as there is the Pod.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeAdmission } from '../apiserver/index.ts'
import { fieldAtPath, isJsonList, isJsonObject, type JsonObject, type KubeObject } from '../kube/index.ts'
import { readLogFile, selectLog } from '../node/index.ts'

export class KeptLogs {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = join(directory, 'logs')
  }

  /** Where the run after so many others writes; of those before, only the last is kept. */
  pathFor(uid: string, run: number): string {
    const directory = this.#of(uid)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(directory)) if (Number.parseInt(name, 10) < run - 1) rmSync(join(directory, name), { force: true })
    return this.#path(uid, run)
  }

  /** As the kubelet has it: between two runs, the last one is the present one and the one before. */
  readonly find: NodeAdmission['keptLog'] = (pod, run, wanted) => {
    const { restarts, isWaiting } = runOf(pod)
    const lines = readLogFile(this.#path(pod.metadata.uid ?? '', run === 'previous' || isWaiting ? restarts - 1 : restarts))
    return lines && selectLog(lines, wanted)
  }

  drop(uid: string): void {
    rmSync(this.#of(uid), { recursive: true, force: true })
  }

  /** Pods may have been taken away while no server was there. */
  keepOnly(uids: ReadonlySet<string>): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(this.#directory))
      if (!uids.has(decodeURIComponent(name))) rmSync(join(this.#directory, name), { recursive: true, force: true })
  }

  /** Uids are the server's own words, but a copy may bring any. */
  #of(uid: string): string {
    return join(this.#directory, encodeURIComponent(uid).replaceAll('.', '%2E'))
  }

  #path(uid: string, run: number): string {
    return join(this.#of(uid), `${run}.log`)
  }
}

function runOf(pod: KubeObject): { readonly restarts: number; readonly isWaiting: boolean } {
  const known = fieldAtPath(pod, ['status', 'containerStatuses'])
  const [status = {}]: readonly JsonObject[] = isJsonList(known) ? known.filter(isJsonObject) : []
  const { restartCount, state } = status
  return { restarts: typeof restartCount === 'number' ? restartCount : 0, isWaiting: isJsonObject(state) && state['waiting'] !== undefined }
}
