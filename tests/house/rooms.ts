// The rooms of src/, the arrows allowed between them, and the judge that finds every import which breaks the plan.
import { countLines, importsOf, isGenerated, isTest, lineOf, resolveImport, type SourceFile } from './sources.ts'

export type Plan = Readonly<Record<string, readonly string[]>>

/** Which rooms a room may import. `main`, where everything is put together, may import all of them and is imported by none. */
export const arrows: Plan = {
  base: [],
  api: ['base'],
  kube: ['base', 'api'],
  flow: ['base'],
  store: ['base'],
  client: ['base', 'identity'],
  node: ['base', 'client'],
  kubelet: ['base', 'kube'],
  apiserver: ['base', 'kube', 'store', 'config', 'identity'],
  identity: ['base'],
  intercept: ['base'],
  seal: ['base', 'intercept'],
  dns: ['base', 'flow', 'runtime'],
  analysis: ['base', 'api', 'registry', 'model'],
  telemetry: ['base', 'flow'],
  xds: ['base', 'telemetry'],
  config: ['base', 'api', 'telemetry'],
  registry: ['base', 'api'],
  model: ['base', 'api', 'registry'],
  translate: ['base', 'api', 'registry', 'model', 'xds'],
  runtime: ['base', 'flow', 'xds'],
  proxy: ['base', 'flow', 'runtime', 'telemetry', 'identity'],
  envoy: ['base', 'flow', 'telemetry', 'xds', 'identity'],
  admin: ['base', 'api', 'flow', 'telemetry', 'xds', 'model', 'analysis', 'runtime'],
  cli: [
    'base',
    'api',
    'flow',
    'config',
    'registry',
    'model',
    'analysis',
    'translate',
    'xds',
    'runtime',
    'intercept',
    'admin',
    'client',
    'kube',
  ],
}

/** Arrows that carry types only. */
export const typeArrows: Plan = { admin: ['model'], cli: ['admin'] }

const everything = 'main'
const longestDoor = 40

interface Edge {
  readonly from: string
  readonly to: string
  readonly line: number
  readonly isTypeOnly: boolean
}

/** One sentence for each thing that breaks the plan; none when the house is in order. */
export function findTrespasses(files: readonly SourceFile[], plan: Plan = arrows): readonly string[] {
  const edges = files.flatMap(edgesOf)
  return [
    ...files.flatMap((file) => judgePlace(file, plan)),
    ...files.flatMap(judgeComputedImports),
    ...edges.flatMap((edge) => judgeEdge(edge, plan)),
    ...files.filter((file) => isDoor(file.path)).flatMap(judgeDoor),
    ...describeCycles(roomGraph(edges), 'rooms'),
    ...describeCycles(fileGraph(edges), 'files'),
  ]
}

/** The room of a file: `src/api/kinds.ts` is in `api`; a file directly in src/, or outside it, is in none. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

function isDoor(path: string): boolean {
  return path === `src/${roomOf(path)}/index.ts`
}

function edgesOf(file: SourceFile): readonly Edge[] {
  return importsOf(file).flatMap(({ specifier, line, isTypeOnly }) => {
    const to = specifier === undefined ? undefined : resolveImport(file.path, specifier)
    return to === undefined ? [] : [{ from: file.path, to, line, isTypeOnly }]
  })
}

function judgePlace(file: SourceFile, plan: Plan): readonly string[] {
  const room = roomOf(file.path)
  if (room === undefined) return [`${file.path} is in no room: every source file belongs to a folder of src/.`]
  if (room === everything || plan[room] !== undefined) return []
  return [`${file.path} is in a room that the plan does not know: add "${room}" and its arrows to tests/house/rooms.ts, or move the file.`]
}

/** An import that only the running program can resolve would go past this judge. */
function judgeComputedImports(file: SourceFile): readonly string[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier === undefined)
    .map(({ line }) => `${file.path}:${line} imports a computed name: name the file, so that the arrows can be checked.`)
}

function judgeEdge(edge: Edge, plan: Plan): readonly string[] {
  const place = `${edge.from}:${edge.line} imports ${edge.to}`
  const from = roomOf(edge.from)
  const to = roomOf(edge.to)
  if (from === undefined || edge.to === 'package.json') return []
  if (to === undefined) return [`${place}: sources import nothing outside the rooms of src/.`]
  if (from === to) return judgeOwnDoor(edge, place)
  return [...judgeArrow(edge, { from, to, place }, plan), ...judgeWayIn(edge, to, place)]
}

/** Tests may: they use a room as others do, and nothing imports them. */
function judgeOwnDoor(edge: Edge, place: string): readonly string[] {
  if (!isDoor(edge.to) || isTest(edge.from)) return []
  return [`${place}: inside a room siblings are imported directly, never by the room's own door.`]
}

function judgeArrow(edge: Edge, where: { from: string; to: string; place: string }, plan: Plan): readonly string[] {
  const { from, to, place } = where
  const allowed = plan[from] ?? []
  if (from === everything) return []
  if (!allowed.includes(to)) return [`${place}: ${from} may not import ${to}. It may import ${allowed.join(', ') || 'nothing'}.`]
  if (typeArrows[from]?.includes(to) && !edge.isTypeOnly) return [`${place}: ${from} may import only types from ${to}.`]
  return []
}

/** The generated messages are a second way into `xds`: two hundred files do not fit through a door. */
function judgeWayIn(edge: Edge, to: string, place: string): readonly string[] {
  if (isDoor(edge.to) || isGenerated(edge.to)) return []
  return [`${place}: another room is entered by its door, src/${to}/index.ts.`]
}

function judgeDoor(file: SourceFile): readonly string[] {
  const lines = countLines(file.text)
  const long = lines > longestDoor ? [`${file.path} has ${lines} lines: a door has at most ${longestDoor}.`] : []
  const others = file.parsed.program.body.flatMap((statement) => {
    const source = statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportAllDeclaration' ? statement.source : null
    const to = source === null ? undefined : resolveImport(file.path, source.value)
    return to !== undefined && roomOf(to) === roomOf(file.path)
      ? []
      : [`${file.path}:${lineOf(file, statement.start)}: a door holds nothing but re-exports of its own room.`]
  })
  return [...long, ...others]
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>

function roomGraph(edges: readonly Edge[]): Graph {
  return graphOf(edges.map((edge) => [roomOf(edge.from), roomOf(edge.to)] as const))
}

function fileGraph(edges: readonly Edge[]): Graph {
  return graphOf(edges.filter((edge) => !isGenerated(edge.to)).map((edge) => [edge.from, edge.to] as const))
}

function graphOf(pairs: readonly (readonly [string | undefined, string | undefined])[]): Graph {
  const graph = new Map<string, Set<string>>()
  for (const [from, to] of pairs) {
    if (from === undefined || to === undefined || from === to) continue
    graph.set(from, (graph.get(from) ?? new Set()).add(to))
  }
  return graph
}

function describeCycles(graph: Graph, what: string): readonly string[] {
  return findCycles(graph).map((cycle) => `A cycle among ${what}: ${[...cycle, cycle[0]].join(' → ')}.`)
}

/** One cycle for each node that closes one on a depth-first walk; enough to show every knot, not every way round it. */
function findCycles(graph: Graph): readonly (readonly string[])[] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (node: string): void => {
    const since = path.indexOf(node)
    if (since >= 0) cycles.push(path.slice(since))
    if (since >= 0 || done.has(node)) return
    path.push(node)
    for (const next of graph.get(node) ?? []) visit(next)
    path.pop()
    done.add(node)
  }
  for (const node of [...graph.keys()].sort()) visit(node)
  return cycles
}
