// Finds the API server that a command is about, and says how it ended when it cannot be asked.
import { servedKubeconfig } from '../../base/index.ts'
import { type ApiAccess, ApiClient, findAccess } from '../../client/index.ts'
import { optional, type Values } from '../values.ts'

/** Of `--kubeconfig`, of KUBECONFIG, or of the server on this machine. Throws SLP6201 when there is none. */
export function accessOf(values: Values): ApiAccess {
  return findAccess({ ...optional(values, 'kubeconfig'), usual: servedKubeconfig() })
}

/** Closes the connection when `use` is done. */
export async function withServer<T>(values: Values, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const api = new ApiClient(accessOf(values))
  try {
    return await use(api)
  } finally {
    api.close()
  }
}
