// Describes every field of VirtualService, and what Sallyport does with it.
import {
  choice,
  count,
  deny,
  duration,
  flag,
  integer,
  labels,
  list,
  map,
  number,
  object,
  type Schema,
  text,
  texts,
  warn,
} from './schema.ts'

const stringMatch = (description: string) =>
  object(
    description,
    { exact: text('is equal to this'), prefix: text('begins with this'), regex: text('as a whole matches this RE2 expression') },
    { oneOf: { names: ['exact', 'prefix', 'regex'], needed: true } },
  )

/** Header and query matches may be empty: then the header only has to be there. */
const presenceMatch = (description: string) =>
  object(
    description,
    { exact: text('is equal to this'), prefix: text('begins with this'), regex: text('matches this RE2 expression') },
    { oneOf: { names: ['exact', 'prefix', 'regex'] } },
  )

const destination = object('a service of the registry', {
  host: text('its name; a name without a dot is of this namespace'),
  subset: text('a subset that a DestinationRule defines'),
  port: object('needed if the service has several ports', { number: count('the port of the service') }),
})

const headerOperations = (description: string) =>
  object(description, {
    set: map('headers that replace what is there', text('the value')),
    add: map('headers that are added', text('the value')),
    remove: texts('headers that are taken away'),
  })

const headers = object('changes of headers', { request: headerOperations('on the way out'), response: headerOperations('on the way back') })

const percentage = object('a share of the requests', { value: number('0 to 100') })

const httpMatch = object('conditions that must all hold', {
  name: text('a name for the match'),
  uri: stringMatch('the path, without the query'),
  ignoreUriCase: flag('compare exact and prefix paths without regard to case'),
  method: stringMatch('the method'),
  authority: stringMatch('Host or :authority'),
  scheme: stringMatch('http or https'),
  headers: map('headers, in lower case', presenceMatch('one header')),
  withoutHeaders: map('headers that must not be so', presenceMatch('one header')),
  queryParams: map('query parameters', presenceMatch('one parameter')),
  port: count('the port that the client dialled; at a gateway the port of the server'),
  sourceLabels: labels('labels of the workload that the request comes from'),
  sourceNamespace: text('its namespace'),
  gateways: texts('the gateways, or `mesh`, where the match applies'),
  statPrefix: warn('metrics carry the name of the route instead', text('a prefix for metrics')),
})

/** Also what a mesh can say for all routes. */
export const retriesSchema = object('try again after failures', {
  attempts: integer('how often'),
  perTryTimeout: duration('the time for each try'),
  retryOn: text('on which failures, with commas between'),
  retryRemoteLocalities: warn('each try takes the next address, whatever its locality', flag('also elsewhere')),
  retryIgnorePreviousHosts: warn('each try takes the next address, as long as there are others', flag('not where it failed')),
  backoff: duration('the pause before the next try'),
})

const httpRoute: Readonly<Record<string, Schema>> = {
  name: text('a name for the rule, which records show'),
  match: list('any of these; none matches everything', httpMatch),
  route: list(
    'where the requests go, by weight',
    object('one destination', { destination, weight: integer('its share'), headers }, { required: ['destination'] }),
  ),
  redirect: object(
    'answer with a redirect',
    {
      uri: text('the path to go to'),
      authority: text('the host to go to'),
      port: count('the port to go to'),
      derivePort: choice('where the port comes from', ['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
      scheme: text('http or https'),
      redirectCode: count('301 is the default'),
      prefixRewrite: text('replaces the matched prefix'),
    },
    { oneOf: { names: ['port', 'derivePort'] } },
  ),
  directResponse: object('answer without forwarding', {
    status: count('the status'),
    body: object('the body', { string: text('as text'), bytes: text('in base64') }, { oneOf: { names: ['string', 'bytes'] } }),
  }),
  delegate: object('go on with the rules of another VirtualService', { name: text('its name'), namespace: text('its namespace') }),
  rewrite: object('change the request before forwarding', {
    uri: text('replaces the matched path or prefix'),
    authority: text('replaces Host'),
    uriRegexRewrite: object('replaces what an expression matches', {
      match: text('an RE2 expression'),
      rewrite: text('what replaces it'),
    }),
  }),
  timeout: duration('the time until the whole answer must be there'),
  retries: retriesSchema,
  fault: object('delay or break requests on purpose', {
    delay: object('wait first', {
      percentage,
      percent: integer('deprecated for percentage'),
      fixedDelay: duration('how long'),
      exponentialDelay: deny('requests that this rule matches are refused', duration('never carried out by Istio either')),
    }),
    abort: object(
      'answer with an error',
      {
        percentage,
        httpStatus: integer('the status'),
        grpcStatus: text('the gRPC status'),
        http2Error: deny('requests that this rule matches are refused', text('never carried out by Istio either')),
      },
      { oneOf: { names: ['httpStatus', 'grpcStatus', 'http2Error'] } },
    ),
  }),
  mirror: { ...destination, description: 'send a copy of each request there' },
  mirrors: list('send copies elsewhere', object('one copy', { destination, percentage })),
  mirrorPercentage: percentage,
  mirrorPercent: count('deprecated for mirrorPercentage'),
  mirror_percent: count('deprecated for mirrorPercentage'),
  corsPolicy: object('answer preflight requests', {
    allowOrigins: list('origins', presenceMatch('one origin')),
    allowOrigin: texts('deprecated for allowOrigins'),
    allowMethods: texts('methods'),
    allowHeaders: texts('headers that may be sent'),
    exposeHeaders: texts('headers that may be read'),
    maxAge: duration('how long the answer holds'),
    allowCredentials: flag('with cookies'),
    unmatchedPreflights: choice('what happens to others', ['UNSPECIFIED', 'FORWARD', 'IGNORE']),
  }),
  headers,
}

const l4Match = {
  destinationSubnets: texts('addresses or ranges that the client dialled'),
  port: count('the port that the client dialled; at a gateway the port of the server'),
  sourceLabels: labels('labels of the workload that the connection comes from'),
  sourceNamespace: text('its namespace'),
  gateways: texts('the gateways, or `mesh`, where the match applies'),
}

const l4Route = list(
  'where the connections go, by weight',
  object('one destination', { destination, weight: integer('its share') }, { required: ['destination'] }),
)

export const virtualServiceSchema = object('rules that say where the traffic for hosts goes', {
  hosts: texts('the names that clients use'),
  gateways: texts('where the rules apply: names of Gateways, `mesh` for the sidecars; absent: mesh'),
  http: list('rules for HTTP, the first that matches counts', object('one rule', httpRoute)),
  tls: list(
    'rules for TLS by the name in its first message',
    object('one rule', {
      match: list(
        'any of these',
        object('conditions that must all hold', { sniHosts: texts('names that the client asks for'), ...l4Match }),
      ),
      route: l4Route,
    }),
  ),
  tcp: list(
    'rules for TCP',
    object('one rule', {
      match: list(
        'any of these; none matches everything',
        object('conditions that must all hold', {
          ...l4Match,
          sourceSubnet: deny('connections that only this condition could keep out are refused', text('never carried out by Istio either')),
        }),
      ),
      route: l4Route,
    }),
  ),
  exportTo: texts('the namespaces that see it: `*` all, `.` its own, or names'),
})
