// `sallyport ps`: the table that the server makes of its Pods, as kubectl prints it.
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { textOf, type Values } from '../values.ts'
import { podsPath } from './pod-path.ts'

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: { readonly metadata: { readonly namespace: string } } }[]
}

const gap = 3

export async function listPods(values: Values): Promise<number> {
  const isAll = values['allNamespaces'] === true
  const selector = textOf(values, 'selector')
  const path = `${isAll ? '/api/v1/pods' : podsPath(values)}${selector === undefined ? '' : `?labelSelector=${encodeURIComponent(selector)}`}`
  const table = await withServer(
    values,
    async (api) => (await api.ask({ path, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body,
  )
  process.stdout.write(printed(tableOf(table), isAll, textOf(values, 'output') === 'wide', textOf(values, 'namespace') ?? 'default'))
  return exitCodes.ok
}

function printed({ columnDefinitions, rows }: Table, isAll: boolean, isWide: boolean, namespace: string): string {
  if (rows.length === 0) return isAll ? 'No resources found\n' : `No resources found in ${namespace} namespace.\n`
  const shown = columnDefinitions.flatMap(({ name, priority }, i) => (priority === 0 || isWide ? [{ name: name.toUpperCase(), i }] : []))
  const lines = [
    [...(isAll ? ['NAMESPACE'] : []), ...shown.map(({ name }) => name)],
    ...rows.map(({ cells, object }) => [...(isAll ? [object.metadata.namespace] : []), ...shown.map(({ i }) => String(cells[i]))]),
  ]
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)) + gap) ?? []
  return lines.map((line) => `${line.map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('')}\n`).join('')
}

/** As this server answers; one that does not know tables answers something else. */
function tableOf(body: unknown): Table {
  if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Table') return body as Table & typeof body
  return { columnDefinitions: [], rows: [] }
}
