// Holds what is said about the meaning of Sidecars to Istio's rules and words.
import { expect, test } from 'vitest'
import { findingsOf } from './testdata/findings-of.ts'

const egress = (...listeners: readonly string[]): string => `egress:\n${listeners.map((one) => `- ${one}\n`).join('')}`

const cases: Readonly<Record<string, readonly [spec: string, ...findings: string[]]>> = {
  'the default of a namespace': [egress("hosts: ['./*', 'istio-system/*']")],
  'nothing at all': ['{}', 'error spec: sidecar: empty configuration provided'],
  'an outbound policy alone': ['outboundTrafficPolicy: {}'],
  'a host without a namespace': [egress('hosts: [a.test]'), 'error spec.egress[0].hosts[0]: host must be of form namespace/dnsName'],
  'a host with nothing before the slash': [
    egress('hosts: [/a.test]'),
    'error spec.egress[0].hosts[0]: config namespace and dnsName in host entry cannot be empty',
    'error spec.egress[0].hosts[0]: invalid namespace value "" in sidecar',
  ],
  'a short name': [egress('hosts: [./a]'), 'error spec.egress[0].hosts[0]: short names (non FQDN) are not allowed'],
  'a namespace that is none': [egress('hosts: ["a_b/*"]'), 'error spec.egress[0].hosts[0]: invalid namespace value "a_b" in sidecar'],
  'a wildcard in the middle of a label': [
    egress('hosts: ["./*a.test"]'),
    'error spec.egress[0].hosts[0]: partial wildcard "*a.test" not allowed',
  ],
  'nothing imported, and something left out': [egress("hosts: ['~/*']")],
  'what is left out by name': [egress("hosts: ['*/*.test', '~beta/a.test']")],
  'no hosts': [egress('hosts: []'), 'error spec.egress[0].hosts: sidecar: egress listener must contain at least one host'],
  'a host twice': [egress("hosts: ['./*', './a.test']"), 'warning spec.egress[0].hosts[1]: duplicated egress host: ./a.test'],
  'a host twice, once by the name of the namespace': [
    egress("hosts: ['default/a.test', './a.test']"),
    'warning spec.egress[0].hosts[1]: duplicated egress host: ./a.test',
  ],
  'everything, and more': [
    egress("hosts: ['*/*', './a.test']"),
    'warning spec.egress[0].hosts: `*/*` host select all resources, no other hosts can be added',
  ],
  'a listener without a port before another': [
    egress("hosts: ['./*']", "port: {number: 80, protocol: HTTP, name: http}\n  hosts: ['./*']"),
    'error spec.egress[0]: sidecar: the egress listener with empty port should be the last listener in the list',
  ],
  'a port twice': [
    egress("port: {number: 80, protocol: HTTP}\n  hosts: ['./*']", "port: {number: 80, protocol: TCP}\n  hosts: ['./*']"),
    'error spec.egress[1].port: sidecar: ports on IP bound listeners must be unique',
  ],
  'a port without a protocol': [
    egress("port: {number: 80}\n  hosts: ['./*']"),
    'error spec.egress[0].port.protocol: invalid protocol "", supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP',
  ],
  'a bind that is no address': [
    egress("port: {number: 80, protocol: HTTP}\n  bind: here\n  hosts: ['./*']"),
    'error spec.egress[0].bind: here is not a valid IP',
  ],
  'port 0 without a socket': [
    egress("port: {number: 0, protocol: HTTP}\n  hosts: ['./*']"),
    'error spec.egress[0].port: sidecar: ports with 0 value must have a unix domain socket bind address',
  ],
  'a socket that is to be captured': [
    egress("port: {number: 0, protocol: HTTP}\n  bind: unix:///run/a\n  captureMode: IPTABLES\n  hosts: ['./*']"),
    'error spec.egress[0].captureMode: sidecar: captureMode must be DEFAULT/NONE for unix domain socket listeners',
    'warning spec.egress[0].bind: sockets of the file system are not carried out: what connects to this one finds nobody',
  ],
  'a listener for proxy requests': [
    egress("port: {number: 3128, protocol: HTTP_PROXY}\n  hosts: ['./*']"),
    'unsupported spec.egress[0].port.protocol: a listener that takes proxy requests is understood but not carried out yet: all outbound traffic is refused',
  ],
  'a selector without labels': [
    `workloadSelector: {labels: {}}\n${egress("hosts: ['./*']")}`,
    'warning spec.workloadSelector: sidecar: workload selector specified without labels, will be applied to all services in namespace',
  ],
  'a selector with a wildcard': [
    `workloadSelector: {labels: {app: "a*"}}\n${egress("hosts: ['./*']")}`,
    'error spec.workloadSelector: wildcard is not supported in selector: "app=a*"',
  ],
  'an egress proxy': [
    'outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.test, port: {number: 80}}}',
    'unsupported spec.outboundTrafficPolicy.egressProxy: outboundTrafficPolicy.egressProxy is understood but not carried out yet: what is not declared is refused',
  ],
  'what comes in has no effect, and is checked': [
    'ingress:\n- port: {number: 80, protocol: HTTP, name: http}\n  defaultEndpoint: 10.0.0.1:80\n  tls: {mode: ISTIO_MUTUAL}\n- {}',
    'warning spec.ingress: ingress has no effect: it governs connections that come in; Sallyport carries those that go out',
    'error spec.ingress[0].defaultEndpoint: sidecar: defaultEndpoint must be of form 127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath or unset',
    'error spec.ingress[0].tls.mode: configuration is invalid: cannot set mode to ISTIO_MUTUAL in sidecar ingress tls',
    'error spec.ingress[0].tls: server cannot have TLS settings for non HTTPS/TLS ports',
    'error spec.ingress[1].port: sidecar: port is required for ingress listeners',
  ],
}

test.each(Object.entries(cases))('%s', (_, [spec, ...findings]) => {
  expect(findingsOf('Sidecar', spec)).toEqual(findings)
})
