// Holds which version of HTTP a destination is spoken to in, where the mesh, a rule and a port each have a say.
import { expect, test } from 'vitest'
import type { Protocol, ServicePort } from '../registry/index.ts'
import { familyOfProtocol } from '../registry/index.ts'
import { upstreamProtocol, type UpstreamProtocol, type UpstreamProtocolInit } from './upstream-protocol.ts'

function portOf(protocol: Protocol): ServicePort {
  return { number: 80, name: 'a', protocol, family: familyOfProtocol(protocol), field: 'spec.ports[0]', unsupported: [] }
}

const upgraded = { h2UpgradePolicy: 'UPGRADE' } as const

interface Case extends Partial<Omit<UpstreamProtocolInit, 'port'>> {
  readonly port: Protocol
  readonly means: UpstreamProtocol
}

const cases: Readonly<Record<string, Case>> = {
  'a port of HTTP': { port: 'http', means: 'http1' },
  'a port of HTTP/2': { port: 'http2', means: 'http2' },
  'a port of gRPC-Web, as Istio': { port: 'grpc-web', means: 'http2' },
  'such a port of a gateway': { port: 'http2', isGateway: true, means: 'downstream' },
  'a port that says nothing, at a sidecar': { port: 'unset', means: 'downstream' },
  'the same at a gateway': { port: 'unset', role: 'gateway', means: 'http1' },
  'a port of TCP, whatever the rule says': { port: 'tcp', pool: upgraded, means: 'http1' },
  'the upgrade of the mesh': { port: 'http', mesh: upgraded, means: 'http2' },
  'the upgrade of the mesh, where the port says nothing': { port: 'unset', mesh: upgraded, means: 'downstream' },
  'the upgrade of the mesh, which a rule forbids': {
    port: 'http',
    mesh: upgraded,
    pool: { h2UpgradePolicy: 'DO_NOT_UPGRADE' },
    means: 'http1',
  },
  'an upgrade by a rule, where the port says nothing': { port: 'unset', pool: upgraded, means: 'http2' },
  'what the client speaks, whatever the port says': { port: 'http2', pool: { useClientProtocol: true }, means: 'downstream' },
}

test.each(Object.entries(cases))('%s', (_what, { port, means, pool, mesh = {}, role = 'sidecar', isGateway = false }) => {
  expect(upstreamProtocol({ port: portOf(port), pool, mesh, role, isGateway })).toBe(means)
})
