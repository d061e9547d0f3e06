// Says what is declared and carried by no resource, so that a proxy which gets its configuration from a server does not do it.
import type { ConfigSnapshot } from '../config/index.ts'

/** One sentence each, with what to do instead. */
export function notByXds({ resources, settings }: Pick<ConfigSnapshot, 'resources' | 'settings'>): readonly string[] {
  const { accessLogFile = '', defaultProviders, proxyHttpPort = 0 } = settings.mesh
  const said: string[] = []
  const telemetries = resources.of('Telemetry').filter(({ spec }) => (spec.accessLogging ?? []).length > 0)
  const names = telemetries.map(({ meta }) => `Telemetry ${meta.namespace}/${meta.name}`)
  if (accessLogFile !== '') names.push('accessLogFile of the mesh')
  if ((defaultProviders?.accessLogging ?? []).length > 0) names.push('defaultProviders.accessLogging of the mesh')
  if (names.length > 0) said.push(`access logs (${names.join(', ')}): start proxies with --access-log`)
  if (proxyHttpPort > 0) said.push(`proxyHttpPort ${proxyHttpPort} of the mesh: start sidecars with --http-proxy-port ${proxyHttpPort}`)
  if (settings.sallyport.dns?.undeclared === 'nxdomain')
    said.push('dns.undeclared nxdomain: undeclared names resolve to addresses at which they are refused')
  return said
}

/** Tells each once, and again only after it had gone. */
export class NotByXdsNotes {
  #told: readonly string[] = []

  tell(config: ConfigSnapshot): void {
    const now = notByXds(config)
    for (const text of now)
      if (!this.#told.includes(text)) process.stderr.write(`sallyport serve: declared, and not told to proxies by xDS: ${text}\n`)
    this.#told = now
  }
}
