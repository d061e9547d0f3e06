// Starts one server for all tests of a file, on a folder of its own, and ends it after them.
import { afterAll, beforeAll } from 'vitest'
import { type ServedApi, serveApi, type ServeParts, temporaryDirectory } from './served-api.ts'

export interface ServedForAll {
  readonly path: string
  /** The one that serves now. */
  readonly api: ServedApi
  /** Ends it, and starts another on the same folder. */
  again(parts?: ServeParts): Promise<void>
}

/** Called at the top of a file, or of a `describe`. */
export function serveForAll(parts: ServeParts = {}): ServedForAll {
  const data = temporaryDirectory()
  let api: ServedApi | undefined
  beforeAll(async () => {
    api = await serveApi(data.path, parts)
  })
  afterAll(async () => {
    await api?.kill('SIGTERM')
    data.remove()
  })
  return {
    path: data.path,
    get api() {
      if (api === undefined) throw new Error('it is not started before the first test')
      return api
    },
    async again(next = parts) {
      await api?.kill('SIGTERM')
      api = await serveApi(data.path, next)
    },
  }
}
