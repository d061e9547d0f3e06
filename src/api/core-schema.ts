// Describes the fields of Service, Namespace, ConfigMap and Secret that Kubernetes has, and what Sallyport does with them.
import { anything, choice, flag, idle, integer, integerOrText, labels, list, map, object, quiet, text, texts } from './schema.ts'

const inbound = 'it governs traffic that comes into the cluster'

/** Fields that a dump of a cluster has in every Service, whatever its author wrote. */
const filledIn = {
  allocateLoadBalancerNodePorts: quiet('no-effect', flag('for load balancers')),
  externalIPs: quiet('no-effect', texts('for traffic from outside')),
  externalTrafficPolicy: quiet('no-effect', text('for traffic from outside')),
  healthCheckNodePort: quiet('no-effect', integer('for load balancers')),
  internalTrafficPolicy: quiet('no-effect', text('near endpoints first')),
  ipFamilies: quiet('no-effect', texts('IPv4, IPv6')),
  ipFamilyPolicy: quiet('no-effect', text('one family or both')),
  loadBalancerClass: quiet('no-effect', text('for load balancers')),
  loadBalancerIP: quiet('no-effect', text('for load balancers')),
  publishNotReadyAddresses: quiet('no-effect', flag('endpoints that are not ready')),
  sessionAffinity: quiet('no-effect', text('None or ClientIP')),
  sessionAffinityConfig: quiet('no-effect', anything('for ClientIP')),
  trafficDistribution: quiet('no-effect', text('near endpoints first')),
}

export const serviceSchema = object('a service of the cluster', {
  type: choice('ClusterIP is the default', {
    ClusterIP: true,
    NodePort: true,
    LoadBalancer: true,
    ExternalName: { support: 'deny', consequence: 'connections to it are refused; declare the host by a ServiceEntry with resolution DNS' },
  }),
  clusterIP: text('its virtual address, or None'),
  clusterIPs: texts('its virtual addresses'),
  selector: { ...labels('the labels of its endpoints'), atomic: true },
  ports: list(
    'its ports',
    object(
      'one port',
      {
        name: text('its name; `http-x` says the protocol'),
        port: integer('the port that clients dial', { min: 1, max: 65_535 }),
        targetPort: integerOrText('the port of the endpoints, or its name there'),
        protocol: choice('TCP is the default', ['TCP', 'UDP', 'SCTP']),
        appProtocol: text('the protocol above TCP'),
        nodePort: quiet('no-effect', integer('for traffic from outside')),
      },
      { required: ['port'] },
    ),
    { keys: ['port', 'protocol'], patchKey: 'port' },
  ),
  externalName: quiet('deny', text('the name behind an ExternalName service')),
  loadBalancerSourceRanges: idle(inbound, texts('for load balancers')),
  ...filledIn,
})

export const namespaceSchema = object('a namespace; its labels and annotations count', {
  finalizers: quiet('no-effect', texts('set by Kubernetes')),
})

/** A ConfigMap has no spec: these stand beside its metadata. */
export const configMapSchema = object('settings; `istio` in `istio-system` holds those of the mesh', {
  data: map('texts by key', text('a text')),
  binaryData: idle('only texts are read', map('base64 by key', text('base64', { format: 'byte' }))),
  immutable: quiet('no-effect', flag('never changed')),
})

/** As a ConfigMap. */
export const secretSchema = object('data that only those who are allowed to may read: certificates with their keys, and those to trust', {
  data: map('bytes by key', text('bytes in base64', { format: 'byte' })),
  stringData: map('texts by key; written into data, never read back', text('a text')),
  type: text('what the data are, such as kubernetes.io/tls; it cannot be changed'),
  immutable: flag('whether the data may no longer change'),
})
