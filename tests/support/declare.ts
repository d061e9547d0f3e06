// Writes declarations shortly, where a test is about what they cause and not about how they are spelled.

export interface ServicePlan {
  readonly host: string
  readonly port: number
  readonly protocol: 'HTTP' | 'TLS' | 'TCP'
  /** `DNS` unless said otherwise. */
  readonly resolution?: 'DNS' | 'NONE' | 'STATIC'
  readonly addresses?: readonly string[]
  readonly endpoints?: readonly string[]
}

/** A ServiceEntry of the namespace `default`, named after its host, in one YAML document. */
export function serviceEntry(plan: ServicePlan): string {
  const { host, port, protocol } = plan
  const list = (name: string, items: readonly string[] | undefined): string =>
    items === undefined ? '' : `  ${name}: [${items.join(', ')}]\n`
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${host.replaceAll(/[^a-z0-9]+/g, '-').replace(/^-/, '')}, namespace: default}
spec:
  hosts: ["${host}"]
  location: MESH_EXTERNAL
  resolution: ${plan.resolution ?? 'DNS'}
  ports: [{number: ${port}, name: ${protocol.toLowerCase()}, protocol: ${protocol}}]
${list('addresses', plan.addresses)}${list(
  'endpoints',
  plan.endpoints?.map((address) => `{address: ${address}}`),
)}`
}

export function documents(...texts: readonly string[]): string {
  return texts.join('---\n')
}

export interface RulePlan {
  readonly host: string
  readonly policy: unknown
  /** Labels of the workloads that it is for; everybody unless said. */
  readonly selects?: Readonly<Record<string, string>>
}

/** A DestinationRule of the namespace `default`, called `rule`. */
export function destinationRule({ host, policy, selects }: RulePlan): string {
  const metadata = { name: 'rule', namespace: 'default' }
  const spec = { host, trafficPolicy: policy, ...(selects && { workloadSelector: { matchLabels: selects } }) }
  return `${JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec })}\n`
}

/** A Secret, as `kubectl create secret generic` writes it. */
export function secret(name: string, values: Readonly<Record<string, string>>, namespace = 'default'): string {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data })}\n`
}
