// Measures decisions over ten thousand declared hosts, and what compiling them costs: a decision has to stay near a microsecond.
import { bench, do_not_optimize, group } from 'mitata'
import type { ConnectionFacts } from '../src/flow/index.ts'
import { compile, decide, decideRequest, type Runtime } from '../src/runtime/index.ts'
import {
  blackHole,
  catchAll,
  connection,
  dnsCluster,
  http1,
  listener,
  otherHosts,
  refTo,
  request,
  routeTable,
  routeTo,
  sniffedHttpChain,
  snapshotOf,
  staticCluster,
  tcpChain,
  tls,
  virtualHost,
  virtualOutbound,
} from '../src/runtime/snapshot-builder.test-kit.ts'

const node = { addresses: [] }

/** `count` hosts on HTTP 80 and on TLS 443, a tenth of the latter wildcards. */
export function manyHosts(count: number) {
  const hosts = Array.from({ length: count }, (_, index) => `host-${index}.example-${index % 97}.com`)
  const pattern = (host: string, index: number) => (index % 10 === 0 ? `*.${host}` : host)
  return snapshotOf({
    listeners: [
      virtualOutbound(),
      listener('0.0.0.0_80', ['0.0.0.0:80'], { chains: [sniffedHttpChain('80')], otherwise: catchAll() }),
      listener('0.0.0.0_443', ['0.0.0.0:443'], {
        chains: hosts.map((host, index) =>
          tcpChain(`outbound|443||${host}`, { match: { serverNames: [pattern(host, index)] }, said: refTo(`ServiceEntry/a/${host}`) }),
        ),
        otherwise: catchAll(),
      }),
      listener('203.0.113.40_6379', ['203.0.113.40:6379'], { chains: [tcpChain('redis')] }),
    ],
    routes: [
      routeTable('80', [
        ...hosts.map((host) => virtualHost(host, [host, `${host}.`], [routeTo(`outbound|80||${host}`)], refTo(`ServiceEntry/a/${host}`))),
        otherHosts(),
      ]),
    ],
    clusters: [
      blackHole(),
      staticCluster('redis', ['203.0.113.40:6379']),
      ...hosts.flatMap((host) => [
        dnsCluster(`outbound|80||${host}`, [`${host}:80`]),
        dnsCluster(`outbound|443||${host}`, [`${host}:443`]),
      ]),
    ],
    names: Object.fromEntries(hosts.map((host) => [host, []])),
  })
}

const count = 10_000
const middle = 'host-5001.example-54.com'
const names = { [middle]: ['203.0.113.7', '203.0.113.8'], 'host-5000.example-53.com': ['203.0.113.7'] }

export function benchDecisions(): void {
  const snapshot = manyHosts(count)
  const { runtime } = compile(snapshot, node)
  group(`decide, ${count} hosts`, () => {
    const cases: Record<string, ConnectionFacts> = {
      'TCP to a declared address': connection({ to: '203.0.113.40:6379' }),
      'TLS by an exact name': connection({ to: '192.0.2.1:443', first: tls(middle), names }),
      'TLS by a wildcard': connection({ to: '192.0.2.1:443', first: tls('x.y.host-5000.example-53.com'), names }),
      'TLS, refused': connection({ to: '192.0.2.1:443', first: tls('evil.example.org') }),
      'first bytes to gather': connection({ to: '192.0.2.1:443' }),
      'HTTP connection': connection({ to: '192.0.2.1:80', first: http1(middle) }),
    }
    for (const [title, facts] of Object.entries(cases)) bench(title, () => do_not_optimize(decide(runtime, facts)))
  })
  group(`decideRequest, ${count} hosts`, () => benchRequests(runtime))
  group(`compile, ${count} hosts`, () => {
    bench('nothing changed', () => do_not_optimize(compile(snapshot, node, runtime))).gc('inner')
  })
}

function benchRequests(runtime: Runtime): void {
  const on = connection({ to: '192.0.2.1:80', first: http1(middle), names })
  const served = decide(runtime, on)
  if (served.verdict !== 'http') throw new Error(`expected HTTP, got ${served.verdict}`)
  const { manager } = served
  const allowed = request(on, `${middle}:80`, { path: '/a/path?with=query' })
  const refused = request(on, 'evil.example.org')
  bench('a declared host', () => do_not_optimize(decideRequest(runtime, manager, allowed)))
  bench('an undeclared host', () => do_not_optimize(decideRequest(runtime, manager, refused)))
}
