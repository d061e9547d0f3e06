// Brings settings into the ConfigMap of the mesh, over whatever somebody else writes there at the same time.
import { fieldsOf, isFields } from '../../base/index.ts'
import { type ApiClient, ApiRefusal } from '../../client/index.ts'
import { type Edited, setInText } from './mesh-text.ts'
import type { Setting } from './setting.ts'

export interface Change {
  readonly name: string
  readonly before: unknown
  readonly now: unknown
}

export interface Applied {
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
  /** `created`, `configured`, or nothing had to be done. */
  readonly outcome: 'created' | 'configured' | 'unchanged'
}

const place = '/api/v1/namespaces/istio-system/configmaps'
const manager = 'fieldManager=sallyport-install&fieldValidation=Strict'
const mostTries = 10

/** Rejects with `ApiRefusal` when the server does not take it. */
export async function applySettings(api: ApiClient, settings: readonly Setting[], isDryRun: boolean): Promise<Applied> {
  for (let tries = 1; ; tries++) {
    try {
      return await applyOnce(api, settings, isDryRun)
    } catch (error) {
      // Somebody has written in between: what they wrote stays, and ours comes on top.
      if (!(error instanceof ApiRefusal && error.status === 409) || tries >= mostTries) throw error
    }
  }
}

async function applyOnce(api: ApiClient, settings: readonly Setting[], isDryRun: boolean): Promise<Applied> {
  const known = await current(api)
  const { data, changes } = edited(fieldsOf(known?.['data']), settings)
  if (known !== undefined && changes.length === 0) return { changes, warnings: [], outcome: 'unchanged' }
  const query = `${manager}${isDryRun ? '&dryRun=All' : ''}`
  const fresh = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'istio-system', name: 'istio' } }
  const { warnings } =
    known === undefined
      ? await api.ask({ method: 'POST', path: `${place}?${query}`, body: { ...fresh, data } })
      : await api.ask({ method: 'PUT', path: `${place}/istio?${query}`, body: { ...known, data } })
  return { changes, warnings, outcome: known === undefined ? 'created' : 'configured' }
}

async function current(api: ApiClient): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const { body } = await api.ask({ path: `${place}/istio` })
    return isFields(body) ? body : undefined
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return undefined
    throw error
  }
}

function edited(known: Readonly<Record<string, unknown>>, settings: readonly Setting[]) {
  const data: Record<string, unknown> = { ...known }
  const changes: Change[] = []
  for (const { text, path, value, name } of settings) {
    const before = data[text]
    const result: Edited = setInText(typeof before === 'string' ? before : '', path, value)
    if (result.text !== before) changes.push({ name, before: result.before, now: value })
    data[text] = result.text
  }
  return { data, changes }
}
