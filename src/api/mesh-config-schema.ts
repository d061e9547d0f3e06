// Describes every field of Istio's MeshConfig and of Sallyport's own mesh-wide settings, and what is done with it.
import { anything, choice, deny, duration, flag, idle, integer, list, object, quiet, text, texts, warn } from './schema.ts'
import { retriesSchema } from './virtual-service-schema.ts'

const inbound = 'it governs connections that come in'
const identity = 'certificates of the mesh are not used yet'
const telemetry = 'Sallyport has its own records and metrics'
const kubernetes = 'Sallyport does not serve Kubernetes ingress'

export const meshConfigSchema = object("the settings of the mesh, in Istio's words", {
  outboundTrafficPolicy: object('what happens to destinations that nobody declared', {
    mode: choice('ALLOW_ANY or REGISTRY_ONLY', {
      REGISTRY_ONLY: true,
      ALLOW_ANY: true,
      ALLOW_ANY_DYNAMIC_DNS: { support: 'deny', consequence: 'REGISTRY_ONLY holds in its place' },
    }),
    tls: quiet('deny', anything('belongs to ALLOW_ANY_DYNAMIC_DNS')),
  }),
  rootNamespace: text('the namespace whose resources count for all; istio-system is the default'),
  defaultServiceExportTo: texts('exportTo of ServiceEntries and Services that say nothing'),
  defaultVirtualServiceExportTo: texts('exportTo of VirtualServices that say nothing'),
  defaultDestinationRuleExportTo: texts('exportTo of DestinationRules that say nothing'),
  connectTimeout: duration('the time for connecting; 10 s is the default'),
  protocolDetectionTimeout: duration("how long a client's first bytes are awaited; 0s: for ever"),
  proxyHttpPort: integer('a port of the workload’s loopback where an HTTP proxy listens; 0: none', { min: 0, max: 65_535 }),
  accessLogFile: text('where records go; empty: nowhere'),
  accessLogFormat: text('the format of lines, with Envoy’s operators; JSON: an object of them'),
  accessLogEncoding: choice('TEXT or JSON', ['TEXT', 'JSON']),
  defaultProviders: object('where metrics, logs and traces go that no Telemetry speaks of', {
    accessLogging: texts('names of `extensionProviders`, or `envoy`'),
    metrics: quiet('no-effect', texts('names of `extensionProviders`')),
    tracing: quiet('no-effect', texts('names of `extensionProviders`')),
  }),
  extensionProviders: list(
    'places and services that Telemetries and policies name',
    anything('one, of which `envoyFileAccessLog` is read'),
  ),
  pathNormalization: object('how paths are made comparable', {
    normalization: choice('DEFAULT is BASE', ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']),
  }),

  serviceEntryVisibility: deny('it would hide ServiceEntries that stay visible now', anything('who sees which ServiceEntries')),
  discoverySelectors: deny('it would hide namespaces that stay visible now', list('namespaces that count', anything('a selector'))),

  proxyListenPort: idle('the port is private to the sealed process', integer('the port of the sidecar')),
  tcpKeepalive: warn('connections are kept alive as the system does it', anything('keep alive')),
  defaultHttpRetryPolicy: { ...retriesSchema, description: 'for routes whose rules say nothing of retries' },
  defaultTrafficPolicy: warn('connections are not counted', anything('limits of connections')),
  localityLbSetting: warn('endpoints are chosen without regard to where they are', anything('where endpoints are')),
  zoneAwareLbSetting: warn('endpoints are chosen without regard to where they are', anything('where endpoints are')),
  h2UpgradePolicy: choice('speak HTTP/2 to the ports that are declared HTTP', ['DO_NOT_UPGRADE', 'UPGRADE']),
  dnsRefreshRate: warn('names are resolved anew as their answers say', duration('how often names are resolved')),
  serviceSettings: warn('there is one cluster', anything('for several clusters')),
  serviceScopeConfigs: warn('there is one cluster', anything('for several clusters')),
  configSources: warn('resources come from where Sallyport is told to read them', anything('where resources come from')),
  enableEnvoyAccessLogService: warn(telemetry, flag('send records by gRPC')),
  disableEnvoyListenerLog: warn(telemetry, flag('leave out some records')),
  inboundClusterStatName: idle(telemetry, text('names of metrics')),
  outboundClusterStatName: idle(telemetry, text('names of metrics')),

  inboundTrafficPolicy: idle(inbound, anything('for connections that come in')),
  defaultInboundHttpRetryPolicy: idle(inbound, anything('retries')),
  proxyInboundListenPort: idle(inbound, integer('the port of the sidecar')),
  ingressClass: idle(kubernetes, text('for Ingress')),
  ingressService: idle(kubernetes, text('for Ingress')),
  ingressControllerMode: idle(kubernetes, choice('for Ingress', ['UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'])),
  ingressSelector: idle(kubernetes, text('for Ingress')),
  caCertificates: idle(identity, anything('more trusted authorities')),
  certificates: idle(identity, anything('certificates to make')),
  ca: idle(identity, anything('another authority')),
  trustDomainAliases: idle(identity, texts('names of the trust domain')),
  meshMTLS: idle(identity, anything('TLS of the mesh')),
  tlsDefaults: idle(identity, anything('TLS to others')),
  verifyCertificateAtClient: idle(identity, flag('check certificates')),
  enableAutoMtls: idle(identity, flag('mutual TLS without being asked')),

  // These stand in the ConfigMap of every Istio that was installed with its defaults.
  defaultConfig: quiet('no-effect', anything('settings of proxies')),
  enablePrometheusMerge: quiet('no-effect', flag('join metrics')),
  enableTracing: quiet('no-effect', flag('traces')),
  trustDomain: quiet('no-effect', text('the trust domain')),
})

export const sallyportSettingsSchema = object("Sallyport's own settings of the mesh", {
  strictness: choice("strict, which is the default, or Istio's exact behaviour", ['strict', 'istio']),
  privateNames: choice('whether wildcard and dynamic names may lead to private addresses', ['refuse', 'allow']),
  dns: object('names', {
    autoAllocate: flag('give declared hosts addresses of their own'),
    undeclared: choice('what undeclared names resolve to under REGISTRY_ONLY', ['refusal-address', 'nxdomain']),
  }),
  requireGateway: deny('every way out is refused', text('the gateway that all traffic has to go by')),
})
