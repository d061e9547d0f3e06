// Describes the specs of Istio's kinds that are stored and served, and that the configuration does not read, and the status of all.
import {
  anything,
  choice,
  flag,
  integer,
  integerOrText,
  labels,
  list,
  map,
  object,
  text,
  texts,
  type ObjectSchema,
} from '../../api/index.ts'
import { conditions } from './object-meta.ts'

const workload = object('the workloads of the namespace that it governs; absent: all of them', {
  matchLabels: labels('the labels they must have'),
})

const targetFields = {
  group: text('the API group of the target'),
  kind: text('the kind of the target'),
  name: text('the name of the target'),
  namespace: text('the namespace of the target: only its own may be named'),
}
const target = object('the resource that it governs', targetFields, { required: ['kind', 'name'] })
const targets = list('the resources that it governs', target)
const selection = { selector: workload, targetRef: target, targetRefs: targets }

const source = object('who asks; all that is set has to match', {
  principals: texts('identities of peers by mutual TLS'),
  notPrincipals: texts('identities that do not match'),
  requestPrincipals: texts('identities of requests by token: issuer/subject'),
  notRequestPrincipals: texts('request identities that do not match'),
  namespaces: texts('namespaces of peers'),
  notNamespaces: texts('namespaces that do not match'),
  serviceAccounts: texts('service accounts of peers'),
  notServiceAccounts: texts('service accounts that do not match'),
  ipBlocks: texts('addresses or CIDRs that the connection comes from'),
  notIpBlocks: texts('addresses that do not match'),
  remoteIpBlocks: texts('addresses that proxies in between tell of'),
  notRemoteIpBlocks: texts('told addresses that do not match'),
})

const operation = object('what is asked for; all that is set has to match', {
  hosts: texts('hosts of the request, in any case'),
  notHosts: texts('hosts that do not match'),
  ports: texts('ports of the connection'),
  notPorts: texts('ports that do not match'),
  methods: texts('methods of the request'),
  notMethods: texts('methods that do not match'),
  paths: texts('paths of the request'),
  notPaths: texts('paths that do not match'),
})

export const authorizationPolicySchema = object('who may ask for what', {
  ...selection,
  action: choice('what is done with requests that a rule matches; ALLOW is the default', ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']),
  provider: object('the authorizer of a CUSTOM action', { name: text('its name among the extension providers of the mesh') }),
  rules: list(
    'a request matches if one of them does',
    object('one rule: from, to and when all have to match', {
      from: list('one of these has to match', object('one source', { source })),
      to: list('one of these has to match', object('one operation', { operation })),
      when: list(
        'all of these have to match',
        object(
          'one condition',
          { key: text('the attribute'), values: texts('its values'), notValues: texts('values that do not match') },
          { required: ['key'] },
        ),
      ),
    }),
  ),
})

const mtls = object('mutual TLS', { mode: choice('what connections have to be', ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']) })

export const peerAuthenticationSchema = object('which connections workloads accept', {
  selector: workload,
  mtls,
  portLevelMtls: map('by port', mtls),
})

const header = object('a header', { name: text('its name'), prefix: text('what stands before the token') }, { required: ['name'] })
const claimHeader = object(
  'a claim and its header',
  { header: text('the header'), claim: text('the claim') },
  { required: ['header', 'claim'] },
)

export const requestAuthenticationSchema = object('which tokens requests may bear', {
  ...selection,
  jwtRules: list(
    'issuers whose tokens are accepted',
    object('one issuer', {
      issuer: text('the issuer'),
      audiences: texts('audiences that are accepted'),
      jwksUri: text('where its keys are published'),
      jwks_uri: text('another spelling of jwksUri'),
      jwks: text('its keys'),
      fromHeaders: list('headers that hold the token', header),
      fromParams: texts('query parameters that hold the token'),
      fromCookies: texts('cookies that hold the token'),
      outputPayloadToHeader: text('the header that the payload is handed on by'),
      outputClaimToHeaders: list('claims that are handed on by headers', claimHeader),
      forwardOriginalToken: flag('whether the token is handed on'),
      spaceDelimitedClaims: texts('claims that are lists in one text'),
      timeout: text('how long fetching the keys may take'),
    }),
  ),
})

const probe = object('how the health of its workloads is found', {
  initialDelaySeconds: integer('seconds before the first probe'),
  timeoutSeconds: integer('seconds that a probe may take'),
  periodSeconds: integer('seconds between probes'),
  successThreshold: integer('successes in a row that make it healthy'),
  failureThreshold: integer('failures in a row that make it unhealthy'),
  httpGet: object(
    'by a request',
    {
      path: text('its path'),
      port: integer('its port'),
      host: text('its host'),
      scheme: text('HTTP or HTTPS'),
      httpHeaders: list('its headers', object('one header', { name: text('its name'), value: text('its value') })),
    },
    { required: ['port'] },
  ),
  tcpSocket: object('by a connection', { host: text('its host'), port: integer('its port') }, { required: ['port'] }),
  exec: object('by a command', { command: texts('the command and its arguments') }, { required: ['command'] }),
  grpc: object('by gRPC health checking', { port: integer('its port'), service: text('the service that is asked for') }),
})

/** Its template is a WorkloadEntry. */
export function workloadGroupSchema(template: ObjectSchema): ObjectSchema {
  const metadata = object('labels and annotations of its entries', {
    labels: labels('labels'),
    annotations: map('annotations', text('a text')),
  })
  return object('a template of WorkloadEntries', { metadata, template, probe }, { required: ['template'] })
}

export const proxyConfigSchema = object('how proxies are set up', {
  selector: workload,
  concurrency: integer('how many threads a proxy has'),
  environmentVariables: map('environment of proxies', text('a value')),
  image: object('the image of proxies', { imageType: text('default, debug or distroless') }),
})

const subFilter = object('a filter inside the filter', { name: text('its name') })
const filter = object('a filter', { name: text('its name'), subFilter })

const patchMatch = object('what is patched', {
  context: choice('which proxies', ['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT']),
  proxy: object('properties of the proxy', {
    proxyVersion: text('its version, as a pattern'),
    metadata: map('its metadata', text('a value')),
  }),
  listener: object('a listener', {
    name: text('its name'),
    portNumber: integer('its port'),
    portName: text('the name of its port'),
    listenerFilter: text('the listener filter'),
    filterChain: object('one of its filter chains', {
      name: text('its name'),
      sni: text('its server name'),
      transportProtocol: text('raw_buffer or tls'),
      applicationProtocols: text('its application protocols'),
      destinationPort: integer('its destination port'),
      filter,
    }),
  }),
  routeConfiguration: object('a route configuration', {
    name: text('its name'),
    portNumber: integer('its port'),
    portName: text('the name of its port'),
    gateway: text('namespace/name of its gateway'),
    vhost: object('one of its virtual hosts', {
      name: text('its name'),
      domainName: text('one of its domains'),
      route: object('one of its routes', {
        name: text('its name'),
        action: choice('its action', ['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']),
      }),
    }),
  }),
  cluster: object('a cluster', {
    name: text('its name'),
    service: text('its service'),
    subset: text('its subset'),
    portNumber: integer('its port'),
  }),
  waypoint: object('a waypoint', { portNumber: integer('its port'), filter, route: object('a route', { name: text('its name') }) }),
})

export const envoyFilterSchema = object('patches of what proxies are given', {
  workloadSelector: object('the workloads of the namespace whose proxies are patched', { labels: labels('the labels they must have') }),
  targetRefs: targets,
  priority: integer('patches of lower priority come first'),
  configPatches: list(
    'the patches',
    object('one patch', {
      applyTo: choice(
        'what kind of thing is patched',
        words(
          'INVALID LISTENER FILTER_CHAIN NETWORK_FILTER HTTP_FILTER ROUTE_CONFIGURATION VIRTUAL_HOST HTTP_ROUTE CLUSTER EXTENSION_CONFIG BOOTSTRAP LISTENER_FILTER',
        ),
      ),
      match: patchMatch,
      patch: object('the patch itself', {
        operation: choice('how it is put in', [
          'INVALID',
          'MERGE',
          'ADD',
          'REMOVE',
          'INSERT_BEFORE',
          'INSERT_AFTER',
          'INSERT_FIRST',
          'REPLACE',
        ]),
        value: anything('the configuration, in Envoy’s own words'),
        filterClass: choice('where among the filters it belongs', ['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
      }),
    }),
  ),
})

const wasmVariable = object(
  'one variable',
  { name: text('its name'), value: text('its value'), valueFrom: choice('where the value comes from', ['INLINE', 'HOST']) },
  { required: ['name'] },
)

export const wasmPluginSchema = object(
  'a filter of one’s own',
  {
    ...selection,
    url: text('where the module is'),
    sha256: text('the checksum of the module'),
    imagePullPolicy: choice('whether it is fetched anew', ['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always']),
    imagePullSecret: text('the Secret by which it is fetched'),
    verificationKey: text('the key that it is signed with'),
    pluginConfig: anything('the settings of the module'),
    pluginName: text('the name of the plugin in the module'),
    phase: choice('where among the filters it belongs', ['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS']),
    priority: integer('higher ones come first in their phase'),
    failStrategy: choice('what becomes of traffic when it fails', ['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD']),
    vmConfig: object('its machine', { env: list('its environment', wasmVariable, { keys: ['name'] }) }),
    match: list(
      'the traffic that goes through it; absent: all',
      object('some traffic', {
        mode: choice('the side', ['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER']),
        ports: list('the ports', object('a port', { number: integer('its number', { min: 1, max: 65_535 }) }, { required: ['number'] }), {
          keys: ['number'],
        }),
      }),
    ),
    type: choice('the kind of filter', ['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']),
  },
  { required: ['url'] },
)

const message = object('one finding', {
  documentationUrl: text('where it is explained'),
  level: choice('how bad it is', ['UNKNOWN', 'ERROR', 'WARNING', 'INFO']),
  type: object('which finding', { code: text('its code'), name: text('its name') }),
})

const statusFields = {
  conditions: conditions({}),
  validationMessages: list('what analysis found', message),
  observedGeneration: integerOrText('the generation that the status speaks of'),
}

export const istioStatusSchema = object('what became of it; written by the server', statusFields)

export const serviceEntryStatusSchema = object('what became of it; written by the server', {
  ...statusFields,
  addresses: list('virtual addresses that were given to its hosts', object('one', { host: text('the host'), value: text('the address') })),
})

function words(text: string): readonly string[] {
  return text.split(' ')
}
