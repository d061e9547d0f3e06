// Describes every field of DestinationRule, and what Sallyport does with it.
import { choice, count, deny, duration, flag, integer, labels, list, map, number, object, quiet, text, texts, warn } from './schema.ts'

const refused = 'connections that this policy governs are refused'

const locality = 'endpoints are chosen among all, wherever they are'

const loadBalancer = object('how an endpoint is chosen', {
  simple: choice(
    'the algorithm; LEAST_REQUEST is the default, and PASSTHROUGH dials the address that the client dialled only at strictness istio',
    {
      UNSPECIFIED: true,
      LEAST_CONN: true,
      RANDOM: true,
      PASSTHROUGH: true,
      ROUND_ROBIN: true,
      LEAST_REQUEST: true,
    },
  ),
  consistentHash: object('always the same for the same client, as long as it is there', {
    httpHeaderName: text('by a header'),
    httpCookie: object('by a cookie', {
      name: text('its name'),
      path: quiet('warn', text('its path')),
      ttl: warn('a client without the cookie is given none, and meets any endpoint', duration('how long it lives')),
      attributes: quiet('warn', list('more attributes', object('one attribute', { name: text('its name'), value: text('its value') }))),
    }),
    useSourceIp: flag('by the address of the client'),
    httpQueryParameterName: text('by a query parameter'),
    ringHash: object('on a ring', { minimumRingSize: count('its least size') }),
    maglev: object('by a Maglev table', { tableSize: count('its size') }),
    minimumRingSize: count('deprecated for ringHash'),
  }),
  localityLbSetting: warn(
    locality,
    object('where endpoints are', {
      distribute: list('shares', object('one share', { from: text('from there'), to: map('to there', count('percent')) })),
      failover: list('order', object('one step', { from: text('from there'), to: text('to there') })),
      failoverPriority: texts('labels in order'),
      enabled: flag('on or off'),
    }),
  ),
  zoneAwareLbSetting: warn(
    locality,
    object('by zones', {
      failover: list('order', object('one step', { from: text('from there'), to: text('to there') })),
      failoverPriority: texts('labels in order'),
      enabled: flag('on or off'),
      minClusterSize: count('the least number of endpoints'),
      routingEnabled: number('percent'),
      failTrafficOnPanic: flag('refuse when too few are well'),
      forceLocalZone: object('stay in the zone', { minSize: count('the least number of endpoints') }),
    }),
  ),
  warmupDurationSecs: warn('new endpoints get their whole share at once', duration('deprecated for warmup')),
  warmup: warn(
    'new endpoints get their whole share at once',
    object('give new endpoints less', {
      duration: duration('how long'),
      minimumPercent: number('where it begins'),
      aggression: number('how it grows'),
    }),
  ),
})

const outlierDetection = object('leave out endpoints that fail', {
  splitExternalLocalOriginErrors: flag('count failures of connecting apart'),
  consecutiveLocalOriginFailures: count('how many of those'),
  consecutiveGatewayErrors: count('how many 502, 503 and 504 in a row; 0 switches it off'),
  consecutive5xxErrors: count('how many 5xx in a row, 5 is the default; 0 switches it off'),
  // The rules warn of it.
  consecutiveErrors: quiet('no-effect', integer('deprecated for consecutive5xxErrors')),
  outlierDetectionHttpErrorCodes: warn(
    'statuses from 500 on count',
    list('which statuses count', integer('a status', { min: 100, max: 599 })),
  ),
  interval: duration('how often it is looked at whether one may come back; 10 s is the default'),
  baseEjectionTime: duration('how long it is left out the first time, and how much longer each time; 30 s is the default'),
  maxEjectionPercent: integer('at most this share is left out; 10 is the default, which leaves out none of nine'),
  minHealthPercent: integer('only while at least this share is well'),
})

const connectionPool = object('limits of connections', {
  tcp: object('of all kinds', {
    connectTimeout: duration('the time for connecting; 10 s is the default'),
    idleTimeout: duration('the time without a byte after which a TCP connection is closed; 1 h is the default'),
    maxConnections: integer('at most so many at one time; the next TCP connection is closed, the next HTTP request waits'),
    maxConnectionDuration: duration('a connection is closed after it'),
    tcpKeepalive: object('let the kernel ask whether the other side lives', {
      probes: warn('it is given up after as many as the system says', count('how many without an answer')),
      time: duration('after so long a silence'),
      interval: warn('it is asked as often as the system says', duration('every')),
    }),
  }),
  http: object('of HTTP', {
    http1MaxPendingRequests: integer('at most so many waiting for a connection'),
    http2MaxRequests: integer('at most so many at once, over HTTP/1.1 too'),
    maxRequestsPerConnection: integer('at most so many in a row'),
    maxRetries: integer('at most so many at once'),
    idleTimeout: duration('the time without a request after which a connection is closed'),
    h2UpgradePolicy: choice('speak HTTP/2 to the destination', ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
    useClientProtocol: flag('speak what the client speaks'),
    maxConcurrentStreams: integer('at most so many requests at once on one connection of HTTP/2'),
    http2KeepAlive: object('ask by a ping of HTTP/2 whether the other side still lives', {
      interval: duration('every'),
      timeout: duration('give up after'),
    }),
  }),
})

const tls = object('TLS towards the destination', {
  mode: choice('DISABLE is the default', {
    DISABLE: true,
    SIMPLE: true,
    MUTUAL: true,
    ISTIO_MUTUAL: true,
  }),
  clientCertificate: text('a file with the certificate chain to show (MUTUAL); it is read again when it changes'),
  privateKey: text('the file with its key'),
  caCertificates: text('a file with those to trust; without it, the bundle of the system'),
  caCrl: text('a file with revoked certificates'),
  credentialName: text(
    'a Secret of the namespace of the proxy, with ca.crt (or cacert), and for MUTUAL tls.crt and tls.key (or cert and key); a sidecar takes it from a rule with a workloadSelector only',
  ),
  subjectAltNames: texts('names of which one has to be in the certificate'),
  sni: text('the name that is asked for; without it, the host of the request'),
  insecureSkipVerify: flag('do not check the certificate'),
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
  proxyProtocol: object('announce the client in a PROXY protocol header', {
    version: choice('the version; V1 is the default', ['V1', 'V2']),
  }),
  retryBudget: object('a limit of retries by what is under way, in place of maxRetries', {
    percent: number('of the requests; 20 is the default'),
    minRetryConcurrency: count('at least so many; 3 is the default'),
    budgetInterval: warn('requests are counted as they are at the moment', duration('counted over')),
  }),
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
