// Reads, of the mesh's `extensionProviders`, those that write access logs to files.
import { fieldsOf, isFields } from '../base/index.ts'
import type { MeshConfig } from './mesh-config.ts'

export interface AccessLogProvider {
  readonly name: string
  /** Absent: not a file, and so nothing that Sallyport writes. */
  readonly file?: { readonly path: string; readonly format?: AccessLogFormat }
}

/** Text with Envoy's `%…%` operators, or JSON with one in each value; absent parts are Istio's own. */
export type AccessLogFormat = { readonly text: string } | { readonly labels: Readonly<Record<string, unknown>> }

/** Istio's own provider, there without being declared. */
const builtIn: AccessLogProvider = { name: 'envoy', file: { path: '/dev/stdout' } }

export function accessLogProvider(providers: readonly unknown[], name: string): AccessLogProvider | undefined {
  const found = providers.find((one) => String(fieldsOf(one)['name']).toLowerCase() === name.toLowerCase())
  if (found === undefined) return name.toLowerCase() === builtIn.name ? builtIn : undefined
  const file = fieldsOf(found)['envoyFileAccessLog']
  if (!isFields(file)) return { name }
  const { path, logFormat } = file
  const format = formatOf(logFormat)
  return { name, file: { path: typeof path === 'string' && path !== '' ? path : '/dev/stdout', ...(format && { format }) } }
}

function formatOf(said: unknown): AccessLogFormat | undefined {
  const { text, labels } = fieldsOf(said)
  if (typeof text === 'string' && text !== '') return { text }
  return isFields(labels) ? { labels } : undefined
}

/** Of the mesh: text, or under JSON the text of a JSON object, as Istio has it. */
export function accessLogFormat({ accessLogFormat: text = '', accessLogEncoding }: MeshConfig): AccessLogFormat | undefined {
  if (text === '') return undefined
  if (accessLogEncoding !== 'JSON') return { text }
  try {
    const labels: unknown = JSON.parse(text)
    return isFields(labels) ? { labels } : undefined
  } catch {
    // Istio too goes on with its own labels.
    return undefined
  }
}
