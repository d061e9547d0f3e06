// Shows the Envoy resources in force in the form of Envoy's `/config_dump`, piece by piece, so that a large configuration does not stop traffic.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { RE2JS } from 're2js'
import type { OriginPlace, ResourceState } from '../../xds/index.ts'
import { DumpedResources, type Entry, isoTime } from '../dumped-resources.ts'
import { nodeJson } from '../node-json.ts'
import { jsonType, type Page, type PageBody, type PageRequest } from '../page.ts'
import type { ConfigView, ProxyView } from '../proxy-view.ts'
import { redactObject } from '../redaction.ts'

/** Resources that are written in one turn of the event loop. */
const BATCH = 8

export function configDumpPage(proxy: ProxyView): Page {
  return {
    path: '/config_dump',
    title: 'the Envoy resources in force: ?resource=dynamic_active_clusters&name_regex=…&mask=…&include_eds',
    render: (request) => {
      const config = proxy.config()
      return config === undefined ? { status: 503, body: 'no configuration has been loaded yet\n' } : dump(config, request, proxy)
    },
  }
}

/** One list of a dump: `dynamic_active_clusters` of a `ClustersConfigDump`. */
interface Section {
  readonly type: string
  readonly list: string
  readonly element: string
  readonly entries: () => Iterable<Entry>
}

function dump(config: ConfigView, { query, signal }: PageRequest, proxy: ProxyView): PageBody {
  const all = sectionsOf(config, proxy)
  const resource = query.get('resource')
  const sections = all.filter(({ list }) => (resource === null ? list !== edsList || query.has('include_eds') : list === resource))
  if (sections.length === 0)
    return { status: 404, body: `${resource ?? ''} is not there; there are:\n${all.map(({ list }) => `  ${list}\n`).join('')}` }
  const isWanted = nameFilter(query.get('name_regex'))
  if (typeof isWanted === 'string') return { status: 400, body: `name_regex: ${isWanted}\n` }
  const mask = query
    .get('mask')
    ?.split(',')
    .map((path) => path.split('.'))
  const options = { isWanted, mask, signal }
  return { type: jsonType, body: resource === null ? writeDumps(sections, options) : writeResources(sections, options) }
}

interface WriteOptions {
  readonly isWanted: (name: string) => boolean
  readonly mask: readonly (readonly string[])[] | undefined
  readonly signal: AbortSignal
}

const edsList = 'dynamic_endpoint_configs'

function sectionsOf(config: ConfigView, proxy: ProxyView): readonly Section[] {
  const { snapshot } = config
  const dumped = new DumpedResources(config, proxy.discovery())
  return [
    { type: 'BootstrapConfigDump', list: 'bootstrap', element: '', entries: () => [bootstrap(proxy, isoTime(config.updated))] },
    {
      type: 'ClustersConfigDump',
      list: 'dynamic_active_clusters',
      element: 'DynamicCluster',
      entries: () => dumped.entriesOf({ key: 'clusters', field: 'cluster' }),
    },
    {
      type: 'ListenersConfigDump',
      list: 'dynamic_listeners',
      element: 'DynamicListener',
      entries: () => dumped.entriesOf({ key: 'listeners', field: 'listener', wrap: (active_state, name) => ({ name, active_state }) }),
    },
    {
      type: 'RoutesConfigDump',
      list: 'dynamic_route_configs',
      element: 'DynamicRouteConfig',
      entries: () => dumped.entriesOf({ key: 'routes', field: 'route_config' }),
    },
    {
      type: 'EndpointsConfigDump',
      list: edsList,
      element: 'DynamicEndpointConfig',
      entries: () => dumped.entriesOf({ key: 'endpoints', field: 'endpoint_config' }),
    },
    {
      type: 'EcdsConfigDump',
      list: 'ecds_filters',
      element: 'EcdsFilterConfig',
      entries: () => [
        ...dumped.entriesOf({ key: 'names', field: 'ecds_filter', resource: (json, name) => extension(`dns/${name}`, json) }),
        ...Array.from(snapshot.origins, ([name, place]) => ({ name, write: () => originOf(name, place, dumped.stateOf(place)) })),
      ],
    },
  ]
}

function extension(name: string, typed_config: JsonObject): JsonObject {
  return { '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', name, typed_config }
}

/** Where a declaration stands: what joins a record with its file and line. */
function originOf(name: string, { source, line }: OriginPlace, { version }: ResourceState): JsonObject {
  const place = { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { source, line } }
  return { version_info: version, ecds_filter: extension(`origin/${name}`, place) }
}

function bootstrap({ node, version }: ProxyView, last_updated: string): Entry {
  return {
    name: '',
    write: () => ({ node: { ...nodeJson(node), user_agent_version: version }, last_updated }),
  }
}

/** RE2, because a pattern must not be able to stop the proxy; a text is what is wrong with it. */
function nameFilter(pattern: string | null): ((name: string) => boolean) | string {
  if (pattern === null || pattern === '') return () => true
  try {
    const compiled = RE2JS.compile(pattern)
    return (name) => compiled.matcher(name).find()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function* writeDumps(sections: readonly Section[], options: WriteOptions): AsyncGenerator<string> {
  yield '{\n "configs": ['
  let isFirst = true
  for (const { type, list, entries } of sections) {
    yield `${isFirst ? '' : ','}\n  {\n   "@type": "type.googleapis.com/envoy.admin.v3.${type}"`
    isFirst = false
    if (list === 'bootstrap') {
      for (const entry of entries()) yield `,\n   "bootstrap": ${indent(masked(redactObject(entry.write()), options.mask), 3)}`
    } else {
      yield `,\n   "${list}": [`
      yield* writeEntries(entries(), options, 4)
      yield '\n   ]'
    }
    yield '\n  }'
  }
  yield '\n ]\n}\n'
}

/** As Envoy does for `?resource=`: the elements of that list alone, each with its type. */
async function* writeResources(sections: readonly Section[], options: WriteOptions): AsyncGenerator<string> {
  yield '{\n "configs": ['
  for (const { type, element, entries } of sections) {
    const name = element === '' ? type : `${type}.${element}`
    yield* writeEntries(entries(), options, 2, { '@type': `type.googleapis.com/envoy.admin.v3.${name}` })
  }
  yield '\n ]\n}\n'
}

async function* writeEntries(
  entries: Iterable<Entry>,
  { isWanted, mask, signal }: WriteOptions,
  depth: number,
  type: JsonObject = {},
): AsyncGenerator<string> {
  let count = 0
  for (const entry of entries) {
    if (signal.aborted) return
    if (!isWanted(entry.name)) continue
    yield `${count === 0 ? '' : ','}\n${' '.repeat(depth)}${indent({ ...type, ...masked(redactObject(entry.write()), mask) }, depth)}`
    if (++count % BATCH === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

function indent(value: JsonValue, depth: number): string {
  return JSON.stringify(value, undefined, 1).replaceAll('\n', `\n${' '.repeat(depth)}`)
}

/** Keeps what a field mask names; lists are gone into, as in Envoy. */
function masked(value: JsonObject, mask: WriteOptions['mask']): JsonObject {
  if (mask === undefined) return value
  const kept: JsonObject = {}
  for (const [name, part] of Object.entries(value)) {
    const below = mask.filter(([first]) => first === name).map((path) => path.slice(1))
    if (below.length === 0) continue
    kept[name] = below.some((path) => path.length === 0) ? part : maskedPart(part, below)
  }
  return kept
}

function maskedPart(value: JsonValue, mask: readonly (readonly string[])[]): JsonValue {
  if (Array.isArray(value)) return value.map((item) => maskedPart(item, mask))
  return typeof value === 'object' && value !== null ? masked(value, mask) : value
}
