// Describes every field of Sidecar, and what Sallyport does with it.
import { anything, choice, count, deny, idle, labels, list, object, quiet, text, texts } from './schema.ts'

const inbound = 'it governs connections that come in; Sallyport carries those that go out'
const noSocket = 'the socket is not opened: what connects to it finds nobody'

const port = (description: string) =>
  object(description, {
    number: count('the port; 0 for a socket of the file system'),
    protocol: text('HTTP, HTTPS, TLS, TCP, MONGO, REDIS or MYSQL, in any case'),
    name: text('a name for the port'),
    targetPort: count('refused by Istio too: it has no effect here'),
  })

export const sidecarSchema = object('what the workloads that it selects see of the mesh, and what becomes of all else', {
  workloadSelector: object('the workloads; absent: all of the namespace, and in the root namespace all of the mesh', {
    labels: labels('labels that a workload must have, all of them'),
  }),
  egress: list(
    'what goes out; absent: everything that is visible',
    object('one listener', {
      port: port('the only port that counts; absent: every port of the hosts'),
      bind: text('the only address at which they are reached'),
      captureMode: choice('how connections come to it', {
        DEFAULT: true,
        IPTABLES: true,
        NONE: { support: 'warn', consequence: noSocket },
      }),
      hosts: texts(
        'NAMESPACE/HOST: `*` any namespace, `.` its own, `~` none; `*` any host, or `*.` and a domain; `~NAMESPACE/HOST` leaves out',
      ),
    }),
  ),
  outboundTrafficPolicy: object('what becomes of destinations that it does not show; absent: what the mesh says', {
    mode: choice('REGISTRY_ONLY is the default', ['REGISTRY_ONLY', 'ALLOW_ANY']),
    egressProxy: deny(
      'what is not declared is refused',
      object('where all of that goes', {
        host: text('the host of a declaration'),
        subset: text('a subset of it'),
        port: object('its port', { number: count('the port of the service') }),
      }),
    ),
  }),
  ingress: idle(
    inbound,
    list(
      'what comes in',
      object('one listener', {
        port: port('the port'),
        bind: text('an address'),
        captureMode: choice('how connections come to it', ['DEFAULT', 'IPTABLES', 'NONE']),
        defaultEndpoint: text('where it goes'),
        tls: quiet('no-effect', anything('TLS of the listener')),
        connectionPool: quiet('no-effect', anything('limits of connections')),
      }),
    ),
  ),
  inboundConnectionPool: idle(inbound, anything('limits of connections that come in')),
})
