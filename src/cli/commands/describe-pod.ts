// `sallyport x describe pod`: says what governs a Pod, and whether what it may reach really goes the declared way.
import { analyze as findAcross } from '../../analysis/index.ts'
import { type Fields, fieldsOf } from '../../base/index.ts'
import { readSources } from '../../config/index.ts'
import { buildModel, type Model } from '../../model/index.ts'
import { type DescribedPod, gatewaysOf, mostWays, policiesOf, servicesOf, type Way, waysOf } from '../describe/pod-facts.ts'
import { writeIssues } from '../declarations.ts'
import { exitCodes } from '../exit-codes.ts'
import { declaredObjectsOf } from '../server/declared-objects.ts'
import { withServer } from '../server/open-server.ts'
import { textOf, type Values } from '../values.ts'

export async function describePod(words: string, values: Values): Promise<number> {
  const at = words.lastIndexOf('.')
  const name = at < 0 ? words : words.slice(0, at)
  const namespace = at < 0 ? (textOf(values, 'namespace') ?? 'default') : words.slice(at + 1)
  const { object, objects } = await withServer(values, async (api) => ({
    object: fieldsOf(
      (await api.ask({ path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}` })).body,
    ),
    objects: await declaredObjectsOf(api),
  }))
  const config = readSources([], { beside: objects })
  const model = buildModel(config.resources, config.settings)
  const pod = { name, namespace, labels: labelsIn(object) }
  const mode = config.settings.mesh.outboundTrafficPolicy?.mode ?? 'ALLOW_ANY'
  const lines = [
    `Pod: ${name}.${namespace}${placeOf(object)}`,
    ...section(
      'Labels',
      Object.entries(pod.labels).map(([key, value]) => `${key}=${value}`),
    ),
    `Outbound policy: ${mode} (ConfigMap istio-system/istio)`,
    ...section('Services', servicesOf(model, pod)),
    ...section('Policies', policiesOf(objects, pod, model.rootNamespace)),
    ...trafficOf(model, pod),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  const findings = [...config.issues.filter(({ level }) => level === 'error'), ...findAcross(model)]
  if (findings.length > 0) process.stdout.write('Findings:\n')
  writeIssues(findings, process.stdout)
  return exitCodes.ok
}

function labelsIn(object: Fields): Readonly<Record<string, string>> {
  const labels = fieldsOf(fieldsOf(object['metadata'])['labels'])
  return Object.fromEntries(Object.entries(labels).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])))
}

function placeOf(object: Fields): string {
  const [{ nodeName }, { phase, podIP }] = [fieldsOf(object['spec']), fieldsOf(object['status'])]
  const parts = [phase, typeof nodeName === 'string' ? `on node ${nodeName}` : undefined, podIP].filter((part) => typeof part === 'string')
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function section(title: string, entries: readonly string[]): readonly string[] {
  return entries.length === 0 ? [`${title}: none`] : [`${title}:`, ...entries.map((entry) => `   ${entry}`)]
}

/** A gateway sends on what sidecars send it; what a workload may reach is a matter of its own sidecar. */
function trafficOf(model: Model, pod: DescribedPod): readonly string[] {
  const gateways = gatewaysOf(model, pod)
  if (gateways.length > 0) return section('Gateways that it carries out', gateways)
  const ways = waysOf(model, pod)
  const rest = ways.length === mostWays ? [`   only the first ${mostWays} are shown`] : []
  return ways.length === 0
    ? ['Declared traffic: none']
    : ['Declared traffic:', ...ways.flatMap((way) => describeWay(way).map((line) => `   ${line}`)), ...rest]
}

function describeWay({ host, port, protocol, declaredBy, explanation, destinationRules }: Way): readonly string[] {
  const { verdict, path, hops, reason } = explanation
  const gateway = hops.find(({ role }) => role === 'gateway')
  const denied = verdict === 'deny' ? `refused: ${reason.code}: ${reason.text}` : undefined
  const way =
    path === 'gateway' && gateway !== undefined ? `through gateway ${gateway.name}` : path === 'gateway' ? 'to a gateway' : 'directly'
  const { by } = hops[0]?.reason ?? reason
  return [
    `${host}:${port} ${protocol} (${declaredBy}): ${denied ?? way}`,
    ...(by?.kind === 'VirtualService'
      ? [`   VirtualService: ${by.namespace}/${by.name}${by.field === undefined ? '' : ` ${by.field}`}`]
      : []),
    ...destinationRules.map((rule) => `   DestinationRule: ${rule}`),
  ]
}
