// Expands the short names that VirtualServices and DestinationRules may use, and the ways of naming a Gateway.
import { type Spelling, spell } from '../registry/index.ts'

const clusterDomain = 'cluster.local'

/** Only a name without any dot is short; whatever has a dot, a star or a colon stands as it is. */
export function expandHost(host: string, namespace: string, spelling: Spelling): string {
  const spelled = spell(host, spelling)
  return /[.*:]/.test(spelled) || spelled === '' ? spelled : `${spelled}.${namespace}.svc.${clusterDomain}`
}

/** `mesh`, or `namespace/name` for `name`, `./name`, `namespace/name` and the old `name.namespace.svc…`. */
export function expandGateway(name: string, namespace: string): string {
  if (name === 'mesh') return name
  const slash = name.indexOf('/')
  if (slash >= 0) {
    const where = name.slice(0, slash)
    return `${where === '.' || where === '' ? namespace : where}/${name.slice(slash + 1)}`
  }
  const [first = '', second] = name.split('.')
  return second === undefined ? `${namespace}/${name}` : `${second}/${first}`
}

/** `[namespace/]host` of a Gateway server; `*` = any namespace. */
export function splitServerHost(text: string, own: string, spelling: Spelling): { readonly namespace: string; readonly host: string } {
  const slash = text.indexOf('/')
  if (slash < 0) return { namespace: '*', host: spell(text, spelling) }
  const namespace = text.slice(0, slash)
  return { namespace: namespace === '.' ? own : namespace, host: spell(text.slice(slash + 1), spelling) }
}

/** Entries of a list of field paths that lie at or under `path`. */
export function fieldsUnder(fields: readonly string[], path: string): readonly string[] {
  if (fields.length === 0) return fields
  return fields.filter((field) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`))
}
