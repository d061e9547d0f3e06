// Finds Secrets that are named as credentials and are not there, or do not hold what is needed of them.
import type { ClientTls, Issue, Resource, ServerTls, TrafficPolicy } from '../api/index.ts'
import { findingAt } from './finding.ts'
import type { Scene } from './scene.ts'

export function findMissingCredentials(scene: Scene): Issue[] {
  return [...scene.resources.of('Gateway').flatMap((gateway) => ofGateway(scene, gateway)), ...ofRules(scene)]
}

interface Need {
  /** Field path of the `tls` block. */
  readonly path: string
  readonly name: string
  readonly hasCertificate: boolean
  readonly hasRoots: boolean
  /** Where it is looked for; empty: that depends on who is told to. */
  readonly namespaces: readonly string[]
}

function ofGateway(scene: Scene, gateway: Resource<'Gateway'>): Issue[] {
  const hosts = scene.gatewayHosts(`${gateway.meta.namespace}/${gateway.meta.name}`)
  const namespaces = [...new Set([...hosts].flatMap((host) => scene.registry.of(host).map((service) => service.namespace)))]
  return (gateway.spec.servers ?? []).flatMap(({ tls }, i) => {
    const name = nameIn(tls, ['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'])
    if (name === undefined) return []
    const need = { path: `spec.servers[${i}].tls`, name, hasCertificate: true, hasRoots: tls?.mode !== 'SIMPLE', namespaces }
    return issueOf(scene, gateway, need)
  })
}

function ofRules(scene: Scene): Issue[] {
  return scene.resources.of('DestinationRule').flatMap((rule) => {
    const { trafficPolicy, subsets = [] } = rule.spec
    const blocks = [
      ...blocksOf(trafficPolicy, 'spec.trafficPolicy'),
      ...subsets.flatMap((subset, i) => blocksOf(subset.trafficPolicy, `spec.subsets[${i}].trafficPolicy`)),
    ]
    // Only proxies of the rule's namespace are selected.
    const namespaces = rule.spec.workloadSelector === undefined ? [] : [rule.meta.namespace]
    return blocks.flatMap(({ path, tls }) => {
      const name = nameIn(tls, ['SIMPLE', 'MUTUAL'])
      if (name === undefined) return []
      const need = { path, name, hasCertificate: tls.mode === 'MUTUAL', hasRoots: tls.insecureSkipVerify !== true, namespaces }
      return issueOf(scene, rule, need)
    })
  })
}

function blocksOf(policy: TrafficPolicy | undefined, path: string): readonly { readonly path: string; readonly tls: ClientTls }[] {
  const ports = (policy?.portLevelSettings ?? []).flatMap(({ tls }, i) =>
    tls === undefined ? [] : [{ path: `${path}.portLevelSettings[${i}].tls`, tls }],
  )
  return policy?.tls === undefined ? ports : [{ path: `${path}.tls`, tls: policy.tls }, ...ports]
}

/** What is no name of a Secret is told by the rules of its kind. */
function nameIn(tls: Pick<ServerTls | ClientTls, 'mode' | 'credentialName'> | undefined, modes: readonly string[]): string | undefined {
  const { mode, credentialName = '' } = tls ?? {}
  return credentialName === '' || credentialName.includes('/') || !modes.includes(mode ?? '') ? undefined : credentialName
}

function issueOf(scene: Scene, resource: Resource<'Gateway' | 'DestinationRule'>, need: Need): Issue[] {
  const missing = missingOf(scene, need)
  if (missing === undefined) return []
  const where = need.namespaces.length === 0 ? '' : ` in namespace ${need.namespaces.join(' or ')}`
  return [
    findingAt(resource, {
      level: 'error',
      code: 'IST0101',
      path: `${need.path}.credentialName`,
      message: `Referenced credential not found: "${need.name}": no Secret${where} has ${missing}: what needs it is refused`,
      fix: 'make it with kubectl create secret generic, or as a document of kind Secret in the namespace of the proxy',
    }),
  ]
}

function missingOf(scene: Scene, { name, hasCertificate, hasRoots, namespaces }: Need): string | undefined {
  const found = scene.resources.of('Secret').filter(({ meta }) => namespaces.length === 0 || namespaces.includes(meta.namespace))
  const has = (secret: string, keys: readonly string[]) =>
    found.some(({ meta, spec }) => meta.name === secret && keys.every((key) => key in (spec.data ?? {}) || key in (spec.stringData ?? {})))
  if (hasCertificate && !has(name, ['tls.crt', 'tls.key']) && !has(name, ['cert', 'key'])) return 'tls.crt and tls.key (or cert and key)'
  const rootsName = `${name}-cacert`
  const holder = found.some(({ meta }) => meta.name === rootsName) ? rootsName : name
  return hasRoots && !has(holder, ['ca.crt']) && !has(holder, ['cacert']) ? 'ca.crt (or cacert)' : undefined
}
