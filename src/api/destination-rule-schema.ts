// Describes every field of DestinationRule, and what Sallyport does with it.
import { choice, count, deny, duration, flag, integer, labels, list, map, number, object, quiet, text, texts, warn } from './schema.ts'

const refused = 'connections that this policy governs are refused'

const loadBalancer = warn(
  'endpoints are chosen in turn, by their weights',
  object('how an endpoint is chosen', {
    simple: choice('the algorithm', ['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']),
    consistentHash: object('always the same for the same client', {
      httpHeaderName: text('by a header'),
      httpCookie: object('by a cookie', {
        name: text('its name'),
        path: text('its path'),
        ttl: duration('how long it lives'),
        attributes: list('more attributes', object('one attribute', { name: text('its name'), value: text('its value') })),
      }),
      useSourceIp: flag('by the address of the client'),
      httpQueryParameterName: text('by a query parameter'),
      ringHash: object('on a ring', { minimumRingSize: count('its least size') }),
      maglev: object('by a Maglev table', { tableSize: count('its size') }),
      minimumRingSize: count('deprecated for ringHash'),
    }),
    localityLbSetting: object('where endpoints are', {
      distribute: list('shares', object('one share', { from: text('from there'), to: map('to there', count('percent')) })),
      failover: list('order', object('one step', { from: text('from there'), to: text('to there') })),
      failoverPriority: texts('labels in order'),
      enabled: flag('on or off'),
    }),
    zoneAwareLbSetting: object('by zones', {
      failover: list('order', object('one step', { from: text('from there'), to: text('to there') })),
      failoverPriority: texts('labels in order'),
      enabled: flag('on or off'),
      minClusterSize: count('the least number of endpoints'),
      routingEnabled: number('percent'),
      failTrafficOnPanic: flag('refuse when too few are well'),
      forceLocalZone: object('stay in the zone', { minSize: count('the least number of endpoints') }),
    }),
    warmupDurationSecs: duration('deprecated for warmup'),
    warmup: object('give new endpoints less', {
      duration: duration('how long'),
      minimumPercent: number('where it begins'),
      aggression: number('how it grows'),
    }),
  }),
)

const outlierDetection = warn(
  'endpoints that fail stay in use',
  object('leave out endpoints that fail', {
    splitExternalLocalOriginErrors: flag('count failures of connecting apart'),
    consecutiveLocalOriginFailures: count('how many of those'),
    consecutiveGatewayErrors: count('how many 502, 503 and 504'),
    consecutive5xxErrors: count('how many 5xx'),
    consecutiveErrors: integer('deprecated for consecutive5xxErrors'),
    outlierDetectionHttpErrorCodes: list('which statuses count', integer('a status', { min: 100, max: 599 })),
    interval: duration('how often it is looked at'),
    baseEjectionTime: duration('how long the first time'),
    maxEjectionPercent: integer('at most this share'),
    minHealthPercent: integer('only while this share is well'),
  }),
)

const connectionPool = object('limits of connections', {
  tcp: object('of all kinds', {
    connectTimeout: duration('the time for connecting; 10 s is the default'),
    idleTimeout: duration('the time without a byte after which a TCP connection is closed; 1 h is the default'),
    maxConnections: warn('connections are not counted', integer('at most so many to one host')),
    maxConnectionDuration: warn('connections live until one side ends them', duration('at most so long')),
    tcpKeepalive: warn(
      'connections are kept alive as the system does it',
      object('keep alive', {
        probes: count('how many without an answer'),
        time: duration('after so long'),
        interval: duration('every'),
      }),
    ),
  }),
  http: warn(
    'requests and connections are not counted, and HTTP/1.1 stays HTTP/1.1',
    object('of HTTP', {
      http1MaxPendingRequests: integer('at most so many waiting'),
      http2MaxRequests: integer('at most so many at once'),
      maxRequestsPerConnection: integer('at most so many in a row'),
      maxRetries: integer('at most so many'),
      idleTimeout: duration('the time without a request after which a connection is closed'),
      h2UpgradePolicy: choice('speak HTTP/2 to the destination', ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
      useClientProtocol: flag('speak what the client speaks'),
      maxConcurrentStreams: integer('at most so many on one connection'),
      http2KeepAlive: object('keep alive', { interval: duration('every'), timeout: duration('give up after') }),
    }),
  ),
})

const tls = object('TLS towards the destination', {
  mode: choice('DISABLE is the default', {
    DISABLE: true,
    SIMPLE: { support: 'deny', consequence: `Sallyport does not begin TLS on behalf of clients; ${refused}` },
    MUTUAL: { support: 'deny', consequence: `Sallyport does not begin TLS on behalf of clients; ${refused}` },
    ISTIO_MUTUAL: { support: 'deny', consequence: `the mesh's own mutual TLS is not spoken yet; ${refused}` },
  }),
  // All of these only say how, and `mode` already says that it is not done.
  clientCertificate: quiet('deny', text('a file')),
  privateKey: quiet('deny', text('a file')),
  caCertificates: quiet('deny', text('a file')),
  caCrl: quiet('deny', text('a file')),
  credentialName: quiet('deny', text('a Secret')),
  subjectAltNames: quiet('deny', texts('names in the certificate')),
  sni: quiet('deny', text('the name that is asked for')),
  insecureSkipVerify: quiet('deny', flag('do not check the certificate')),
})

const portSettings = list(
  'settings that replace those of the rule for one port',
  object('one port', {
    port: object('which', { number: count('the port of the service') }),
    loadBalancer,
    connectionPool,
    outlierDetection,
    tls,
  }),
  { maxItems: 4096 },
)

const trafficPolicy = object('how to speak to the destination', {
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls,
  portLevelSettings: portSettings,
  tunnel: deny(
    refused,
    object('by way of a proxy', {
      protocol: text('CONNECT or POST'),
      targetHost: text('the host to ask for'),
      targetPort: count('its port'),
    }),
  ),
  proxyProtocol: deny(refused, object('announce the client', { version: choice('the version', ['V1', 'V2']) })),
  retryBudget: warn(
    'a failed request is not tried again',
    object('a limit of retries', {
      percent: number('of the requests'),
      minRetryConcurrency: count('at least'),
      budgetInterval: duration('counted over'),
    }),
  ),
})

export const destinationRuleSchema = object('how to speak to a destination, and the subsets it has', {
  host: text('the service; a name without a dot is of this namespace'),
  trafficPolicy,
  subsets: list(
    'named sets of endpoints',
    object('one subset', {
      name: text('its name'),
      labels: labels('the labels that its endpoints have'),
      trafficPolicy,
    }),
  ),
  exportTo: texts('the namespaces that see it: `*` all, `.` its own, or names'),
  workloadSelector: object('the workloads of this namespace that it applies to', { matchLabels: labels('the labels they must have') }),
})
