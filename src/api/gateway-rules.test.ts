// Holds the rules for Gateway: what is refused, what is warned of, and with which words.
import { expect, test } from 'vitest'
import { findingsOf } from './testdata/findings-of.ts'

const cases: Record<string, { readonly spec: string; readonly finds: readonly string[]; readonly name?: string }> = {
  'HTTP, TLS that passes through and TCP are in order': {
    spec: `
      selector: {istio: egressgateway}
      servers:
      - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.test, '*.b.test', 'ns/c.test', './d.test', '*/e.test', '*']}
      - {port: {number: 443, name: tls, protocol: TLS}, hosts: [a.example.test], tls: {mode: PASSTHROUGH}}
      - {port: {number: 6379, name: redis, protocol: redis}, hosts: [redis.domain, 203.0.113.5]}`,
    finds: [],
  },
  'no servers': { spec: '{selector: {a: b}}', finds: ['error spec.servers: gateway must have at least one server'] },
  'its name is one label': {
    spec: '{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.test]}]}',
    name: 'a.b',
    finds: ['error metadata.name: invalid gateway name: "a.b"'],
  },
  'no hosts, and hosts that are none': {
    spec: `
      servers:
      - {port: {number: 80, name: a, protocol: HTTP}}
      - {port: {number: 81, name: b, protocol: HTTP}, hosts: [short, 'N S/a.test', '/a.test', '*foo.test', a_b.test]}`,
    finds: [
      'error spec.servers[0].hosts: server config must contain at least one host',
      'error spec.servers[1].hosts[0]: short names (non FQDN) are not allowed',
      'error spec.servers[1].hosts[1]: invalid namespace value "N S" in gateway',
      'error spec.servers[1].hosts[2]: config namespace and dnsName in host entry cannot be empty',
      'error spec.servers[1].hosts[3]: partial wildcard "*foo.test" not allowed',
      'error spec.servers[1].hosts[4]: domain name "a_b.test" invalid (label "a_b" invalid)',
    ],
  },
  'a port needs a number, a name of its own and a protocol': {
    spec: `
      servers:
      - {port: {number: 0, name: a, protocol: SMTP}, hosts: [a.test]}
      - {port: {number: 81, name: a, protocol: HTTP, targetPort: 8080}, hosts: [a.test]}
      - {hosts: [a.test]}`,
    finds: [
      'error spec.servers[0].port.protocol: invalid protocol "SMTP", supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP',
      'error spec.servers[0].port.number: port number 0 must be in the range 1..65535',
      'error spec.servers[1].port.targetPort: targetPort has no impact on Gateways',
      'error spec.servers[1].port.name: port names in servers must be unique: duplicate name a',
      'error spec.servers[2].port: port is required',
    ],
  },
  'HTTP/2 and gRPC are HTTP': {
    spec: '{servers: [{port: {number: 80, name: a, protocol: HTTP2}, hosts: [a.test]}, {port: {number: 81, name: b, protocol: GRPC}, hosts: [a.test]}]}',
    finds: [],
  },
  'gRPC-Web is passed on as it is': {
    spec: '{servers: [{port: {number: 80, name: a, protocol: GRPC-Web}, hosts: [a.test]}]}',
    finds: ['warning spec.servers[0].port.protocol: gRPC-Web is not translated into gRPC yet: it is passed on as it is, over HTTP/2'],
  },
  'where it listens': {
    spec: `
      servers:
      - {port: {number: 80, name: a, protocol: HTTP}, bind: nowhere, hosts: [a.test]}
      - {port: {number: 81, name: b, protocol: HTTP}, bind: 'unix:///run/x', hosts: [a.test]}`,
    finds: [
      'error spec.servers[0].bind: nowhere is not a valid IP',
      'error spec.servers[1].port.number: port number must be 0 for unix domain socket',
      'unsupported spec.servers[1].bind: listening on sockets of the file system is not carried out yet: the server is not opened',
    ],
  },
  'TLS needs its settings, and plain protocols have none': {
    spec: `
      servers:
      - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.test]}
      - {port: {number: 81, name: b, protocol: TCP}, hosts: [a.test], tls: {httpsRedirect: true}}
      - {port: {number: 82, name: c, protocol: HTTP}, hosts: [a.test], tls: {mode: SIMPLE, credentialName: x}}`,
    finds: [
      'error spec.servers[0].tls: server must have TLS settings for HTTPS/TLS protocols',
      'warning spec.servers[1].tls.httpsRedirect: tls.httpsRedirect should only be used with http servers',
      'error spec.servers[1].tls: server cannot have TLS settings for non HTTPS/TLS ports',
      'error spec.servers[2].tls: server cannot have TLS settings for plain text HTTP ports',
    ],
  },
  'certificates: enough of them, from one place': {
    spec: `
      servers:
      - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, caCrl: /x}}
      - {port: {number: 444, name: b, protocol: HTTPS}, hosts: [a.test], tls: {mode: MUTUAL, serverCertificate: /a, privateKey: /b}}
      - {port: {number: 445, name: c, protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, credentialName: x, serverCertificate: /a}}
      - {port: {number: 446, name: d, protocol: HTTPS}, hosts: [a.test], tls: {mode: ISTIO_MUTUAL, credentialName: x}}
      - {port: {number: 447, name: e, protocol: TLS}, hosts: [a.test], tls: {mode: PASSTHROUGH, credentialName: x}}`,
    finds: [
      'error spec.servers[0].tls.caCrl: CRL is not supported with SIMPLE TLS',
      'error spec.servers[0].tls.serverCertificate: SIMPLE TLS requires a server certificate',
      'error spec.servers[0].tls.privateKey: SIMPLE TLS requires a private key',
      'error spec.servers[1].tls.caCertificates: MUTUAL TLS requires a client CA bundle',
      'error spec.servers[2].tls: only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates may be set',
      'error spec.servers[3].tls.credentialName: ISTIO_MUTUAL TLS cannot have associated credentialName',
      'warning spec.servers[4].tls: PASSTHROUGH mode does not use certificates, they will be ignored',
    ],
  },
  'a credential that is no Secret of the gateway’s namespace': {
    spec: '{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, credentialName: "other/name"}}]}',
    finds: [
      'unsupported spec.servers[0].tls.credentialName: credentialName "other/name" is understood but not carried out yet: it is no name of a Secret; what arrives at this server is refused',
    ],
  },
  ciphers: {
    spec: `
      servers:
      - port: {number: 443, name: a, protocol: TLS}
        hosts: [a.test]
        tls: {mode: PASSTHROUGH, minProtocolVersion: TLSV1_1}
      - port: {number: 444, name: b, protocol: TLS}
        hosts: [a.test]
        tls: {mode: PASSTHROUGH, cipherSuites: [NOPE, AES256-SHA, AES256-SHA]}`,
    finds: [
      'warning spec.servers[0].tls.minProtocolVersion: tls.minProtocolVersion TLSV1_1 is not carried out yet: TLS 1.2 is the oldest that is spoken',
      'warning spec.servers[0].tls.minProtocolVersion: TLS version below TLSV1_2 require setting compatible ciphers as by default they no longer include compatible ciphers.',
      'warning spec.servers[1].tls.cipherSuites: ignoring invalid cipher suites: [NOPE]',
      'warning spec.servers[1].tls.cipherSuites: ignoring duplicate cipher suites: [AES256-SHA]',
    ],
  },
}

test.each(Object.entries(cases))('Gateway: %s', (_title, { spec, finds, name }) => {
  expect(findingsOf('Gateway', spec, { name: name ?? 'it' })).toEqual(finds)
})
