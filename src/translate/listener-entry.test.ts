// Holds who gives way when services of several protocols meet on one port.
import { expect, test } from 'vitest'
import { familyOfProtocol, type Protocol } from '../registry/index.ts'
import { planChain } from './chain-plan.ts'
import { type Arrival, ListenerEntries } from './listener-entry.ts'
import { tcpProxy } from './messages.ts'

const to = (cluster: string) => tcpProxy([{ cluster, weight: 1 }], cluster)

/** A service on the wildcard address of one port, without addresses of its own. */
function arrival(name: string, protocol: Protocol): Arrival {
  const family = familyOfProtocol(protocol)
  const port = { number: 80, name: '', protocol, family, field: '', unsupported: [] }
  const http = family === 'http' || family === 'unset' ? [planChain({ match: { isHttp: true }, filter: to('table'), metadata: {} })] : []
  const match = family === 'tls' ? { serverNames: [name] } : {}
  const own = family === 'http' ? [] : [planChain({ match, filter: to(name), metadata: { name } })]
  return { name: '0.0.0.0_80', bind: '0.0.0.0', extraBinds: [], port, own, http }
}

/** The services arrive oldest first; the result names their chains in order. */
const cases: Record<string, readonly [arriving: readonly Protocol[], chains: readonly string[]]> = {
  'HTTP services share one chain': [['http', 'http'], ['http']],
  'TCP joins HTTP': [
    ['http', 'tcp'],
    ['http', 'all b'],
  ],
  'HTTP joins TCP': [
    ['tcp', 'http'],
    ['all a', 'http'],
  ],
  'of two TCP services without addresses the older has the port': [['tcp', 'tcp'], ['all a']],
  'TLS services stand side by side': [
    ['tls', 'tls'],
    ['sni a', 'sni b'],
  ],
  'TLS and TCP stand side by side': [
    ['tls', 'tcp'],
    ['sni a', 'all b'],
  ],
  'a sniffed service brings both sides': [['unset'], ['all a', 'http']],
  'to a sniffed one HTTP adds nothing': [
    ['unset', 'http'],
    ['all a', 'http'],
  ],
  'a sniffed one adds its TCP side to HTTP': [
    ['http', 'unset'],
    ['http', 'all b'],
  ],
  'HTTP that joined TCP is still there for a third': [
    ['tcp', 'http', 'tls'],
    ['all a', 'http', 'sni c'],
  ],
  'MYSQL keeps its port from HTTP': [['mysql', 'http'], ['all a']],
  'MONGO does not join HTTP': [['http', 'mongo'], ['http']],
  'MYSQL shares with MYSQL only': [['mysql', 'tcp'], ['all a']],
}

test.each(Object.entries(cases))('%s', (_, [arriving, chains]) => {
  const entries = new ListenerEntries()
  for (const [i, protocol] of arriving.entries()) entries.arrive(arrival('abc'[i] ?? '', protocol))
  const found = entries.at('0.0.0.0', 80)?.chains.map((plan) => {
    if (plan.looksAtHttp) return 'http'
    const name = plan.chain.metadata?.filterMetadata['dev.sallyport']?.['name']
    return `${plan.looksAtNames ? 'sni' : 'all'} ${typeof name === 'string' ? name : '-'}`
  })
  expect(found).toEqual(chains)
})
