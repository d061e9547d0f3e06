// Adds the sidecar to the Pods of a manifest; every other document stays as it is to the letter, and comments stay where they are.
import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { type Fields, fieldsOf, isFields, SallyportError } from '../../base/index.ts'
import { isInjected, type PodTemplate, podTemplateOf, reasonAgainst } from './pod-template.ts'
import { type Injected, initContainer, proxyContainer, statusText, volumes } from './sidecar-parts.ts'

export interface Injection {
  readonly text: string
  /** What is worth a word: who stays without a sidecar, and why. */
  readonly notes: readonly string[]
}

/** Throws SLP0101 when a document is no YAML. */
export function inject(text: string, image: string): Injection {
  const notes: string[] = []
  // Three hyphens at the beginning of a line end a document, wherever they stand.
  const parts = text.split(/^---(?=\s|$)/m).map((part, index) => injectPart(part, index + 1, { image, note: (line) => notes.push(line) }))
  return { text: parts.join('---'), notes }
}

interface Way {
  readonly image: string
  readonly note: (line: string) => void
}

function injectPart(part: string, number: number, way: Way): string {
  const document = parseDocument(part, { keepSourceTokens: false })
  const [problem] = document.errors
  if (problem !== undefined) throw new SallyportError('SLP0101', `document ${number} is not valid YAML: ${problem.message}`)
  const object: unknown = document.toJS({ maxAliasCount: 100 })
  if (!isFields(object)) return part
  const items: unknown = String(object['kind']).endsWith('List') ? object['items'] : undefined
  const changes = Array.isArray(items)
    ? items.map((item: unknown, index) => injectObject(document, ['items', index], fieldsOf(item), way))
    : [injectObject(document, [], object, way)]
  if (!changes.some(Boolean)) return part
  return `${/^\r?\n/.exec(part)?.[0] ?? ''}${written(document, part)}`
}

/** In the style that is there. */
function written(document: Document, part: string): string {
  if (isJson(part)) return `${JSON.stringify(document.toJS(), undefined, 2)}\n`
  return document.toString({
    lineWidth: 0,
    indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*\r?\n(?:[ \t]*#.*\r?\n)*\1- /m.test(part),
    flowCollectionPadding: /[[{] /.test(part),
  })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

type Path = readonly (string | number)[]

/** Whether it was changed. */
function injectObject(document: Document, at: Path, object: Fields, { image, note }: Way): boolean {
  const template = podTemplateOf(object)
  if (template === undefined || isInjected(template)) return false
  const why = reasonAgainst(template, object)
  if (why !== undefined) {
    note(`${String(object['kind'])} ${template.workload} stays without a sidecar: ${why}`)
    return false
  }
  const path: Path = [...at, ...template.path]
  const injected = injectedOf(template, image)
  for (const [name, value] of Object.entries(annotationsOf(template))) setNew(document, [...path, 'metadata', 'annotations', name], value)
  for (const [name, value] of Object.entries(labelsOf(template))) setNew(document, [...path, 'metadata', 'labels', name], value)
  append(document, [...path, 'spec', 'containers'], [proxyContainer(injected)])
  append(document, [...path, 'spec', 'initContainers'], [initContainer(injected)])
  append(document, [...path, 'spec', 'volumes'], volumes())
  return true
}

function injectedOf({ metadata, spec, workload, owner }: PodTemplate, image: string): Injected {
  const containers = Array.isArray(spec['containers']) ? spec['containers'].map((one: unknown) => fieldsOf(one)) : []
  const annotations = fieldsOf(metadata['annotations'])
  const own = annotations['sidecar.istio.io/proxyImage']
  return {
    image: typeof own === 'string' ? own : image,
    workload,
    owner,
    containers: containers.map(({ name }) => String(name)),
    ports: containers.flatMap(({ ports }) => (Array.isArray(ports) ? ports : [])),
    annotations,
  }
}

function annotationsOf({ spec }: PodTemplate): Readonly<Record<string, string>> {
  const [first]: readonly unknown[] = Array.isArray(spec['containers']) ? spec['containers'] : []
  const name = String(fieldsOf(first)['name'])
  return {
    'kubectl.kubernetes.io/default-container': name,
    'kubectl.kubernetes.io/default-logs-container': name,
    'prometheus.io/path': '/stats/prometheus',
    'prometheus.io/port': '15020',
    'prometheus.io/scrape': 'true',
    'sidecar.istio.io/status': statusText(),
  }
}

function labelsOf({ metadata, workload }: PodTemplate): Readonly<Record<string, string>> {
  const labels = fieldsOf(metadata['labels'])
  return {
    'security.istio.io/tlsMode': 'istio',
    'service.istio.io/canonical-name': labelOf(labels, ['app.kubernetes.io/name', 'app']) ?? workload,
    'service.istio.io/canonical-revision': labelOf(labels, ['app.kubernetes.io/version', 'version']) ?? 'latest',
  }
}

function labelOf(labels: Fields, names: readonly string[]): string | undefined {
  return names.map((name) => labels[name]).find((value) => typeof value === 'string')
}

/** What somebody has said themselves counts. */
function setNew(document: Document, path: Path, value: string): void {
  if (document.hasIn(path)) return
  const parent: unknown = document.getIn(path.slice(0, -1), true)
  if (parent !== undefined && !isMap(parent)) document.deleteIn(path.slice(0, -1))
  else if (isMap(parent) && parent.items.length === 0) parent.flow = false
  document.setIn(path, value)
}

function append(document: Document, path: Path, values: readonly unknown[]): void {
  const list: unknown = document.getIn(path, true)
  if (!isSeq(list)) document.setIn(path, document.createNode(values))
  else for (const value of values) list.add(document.createNode(value))
}
