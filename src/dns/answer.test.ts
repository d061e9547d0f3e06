// Holds each rule of what workloads' DNS questions are answered with, one row a rule.
import { describe, expect, test } from 'vitest'
import { parseIp } from '../base/index.ts'
import type { Ip } from '../base/index.ts'
import type { Runtime } from '../runtime/index.ts'
import { answerQuery, createRefusalAddresses, finishAnswer } from './index.ts'
import type { AnswerContext, DnsAnswer, DnsDecision, Question } from './index.ts'

const ip = (text: string): Ip => parseIp(text) ?? expect.fail(`not an address: ${text}`)

const declared: Readonly<Record<string, readonly string[]>> = {
  'd2iq.com': ['240.240.1.2', '2001:2::f0f0:102'],
  'redis.domain': ['203.0.113.40'],
  'resolved.test': [],
  '*.wild.test': [],
  'web.default.svc.cluster.local': ['198.18.100.1'],
}

type Mode = 'strict' | 'strict, ALLOW_ANY' | 'istio' | 'istio, ALLOW_ANY' | 'strict, of another control plane'

function runtimeIn(mode: Mode): Runtime {
  return {
    version: 1,
    strict: mode.startsWith('strict'),
    outboundPolicy: mode.endsWith('ALLOW_ANY') ? 'ALLOW_ANY' : 'REGISTRY_ONLY',
    knowsNames: !mode.endsWith('of another control plane'),
    boundListeners: [],
    declaredName(name) {
      const host = declared[name] ? name : `*${name.slice(name.indexOf('.'))}`
      const addresses = declared[host]
      return addresses && { host, addresses: addresses.map(ip) }
    },
    nameOfAddress: (address) => (address === '240.240.1.2' || address === '2001:2::f0f0:102' ? 'd2iq.com' : undefined),
    placed: (ref) => ref,
  }
}

function contextIn(mode: Mode, changes: Partial<AnswerContext> = {}): AnswerContext {
  return {
    runtime: runtimeIn(mode),
    refusals: createRefusalAddresses(),
    searchDomains: ['default.svc.cluster.local', 'corp.test'],
    clusterDomain: 'cluster.local',
    undeclared: 'refusal-address',
    mayTell: (address) => !address.startsWith('127.') && !address.startsWith('169.254.'),
    ...changes,
  }
}

function questionOf(text: string): Question {
  const [type = '', name = ''] = text.split(' ')
  return { name, type, class: 1, plain: /^[a-z0-9_.-]+$/.test(name) }
}

/** A decision in one line: `RCODE address,address ttl=N refused=…`, or `ask TYPE name`. */
function told(decision: DnsDecision): string {
  if (decision.action === 'ask') return `ask ${decision.type} ${decision.name}`
  const { rcode, records, ttl } = decision.reply
  const data = records.map((record) => (typeof record.data === 'string' ? record.data : record.type)).join(',')
  const refused = decision.refused === undefined ? '' : ` refused=${decision.refused}`
  return `${rcode}${data === '' ? '' : ` ${data} ttl=${ttl}`}${refused}`
}

const rules: Record<string, { readonly ask: string; readonly mode?: Mode; readonly gives: string }> = {
  'a declared name is answered with its virtual address': { ask: 'A d2iq.com', gives: 'NOERROR 240.240.1.2 ttl=30' },
  'and with the IPv6 one for AAAA': { ask: 'AAAA d2iq.com', gives: 'NOERROR 2001:2::f0f0:102 ttl=30' },
  'a declared name without an address of the family exists all the same': { ask: 'AAAA redis.domain', gives: 'NOERROR' },
  'a declared name without addresses is looked up': { ask: 'A resolved.test', gives: 'ask A resolved.test' },
  'a name under a declared wildcard is looked up': { ask: 'AAAA a.wild.test', gives: 'ask AAAA a.wild.test' },
  'the apex of a wildcard is not declared': { ask: 'TXT wild.test', gives: 'NOERROR refused=nodata' },
  'mail servers of a declared name are looked up': { ask: 'MX d2iq.com', gives: 'ask MX d2iq.com' },
  'text of a declared name is looked up': { ask: 'TXT d2iq.com', gives: 'ask TXT d2iq.com' },
  'odd types of a declared name have no data': { ask: 'TYPE52 d2iq.com', gives: 'NOERROR' },
  'HTTPS records are empty even for declared names': { ask: 'HTTPS resolved.test', gives: 'NOERROR' },
  'and under ALLOW_ANY': { ask: 'SVCB free.test', mode: 'strict, ALLOW_ANY', gives: 'NOERROR' },
  'ANY is answered as RFC 8482 says': { ask: 'ANY d2iq.com', gives: 'NOERROR HINFO ttl=30' },
  'zone transfers are refused': { ask: 'AXFR d2iq.com', gives: 'REFUSED' },
  'the root has no data': { ask: 'NS ', gives: 'NOERROR' },
  'localhost is this machine': { ask: 'A localhost', gives: 'NOERROR 127.0.0.1 ttl=30' },
  'names under localhost too': { ask: 'AAAA db.localhost', gives: 'NOERROR ::1 ttl=30' },
  'localhost has no other data': { ask: 'MX localhost', gives: 'NOERROR' },
  'an undeclared name has a refusal address': { ask: 'A evil.test', gives: 'NOERROR 240.241.170.14 ttl=1 refused=refusal-address' },
  'an undeclared name has an IPv6 refusal address': {
    ask: 'AAAA evil.test',
    gives: 'NOERROR 2001:2:0:f1::aa0e ttl=1 refused=refusal-address',
  },
  'other types of an undeclared name have no data and are told': { ask: 'TXT evil.test', gives: 'NOERROR refused=nodata' },
  'a tunnel by SRV is told': { ask: 'SRV _x._tcp.evil.test', gives: 'NOERROR refused=nodata' },
  'an undeclared single label does not exist': { ask: 'A redis', gives: 'NXDOMAIN refused=nxdomain' },
  'an undeclared cluster name does not exist': { ask: 'A db.other.svc.cluster.local', gives: 'NXDOMAIN refused=nxdomain' },
  'what the search list made of a name does not exist, silently': { ask: 'A evil.test.corp.test', gives: 'NXDOMAIN' },
  'also under the cluster domain': { ask: 'A evil.test.default.svc.cluster.local', gives: 'NXDOMAIN' },
  'a search domain itself is a name like any other': { ask: 'TXT corp.test', gives: 'NOERROR refused=nodata' },
  'a declared cluster name has its address': { ask: 'A web.default.svc.cluster.local', gives: 'NOERROR 198.18.100.1 ttl=30' },
  'a name of odd bytes does not exist': { ask: 'A a\\032b.test', gives: 'NXDOMAIN refused=nxdomain' },
  'an address in disguise does not exist': { ask: 'A 10.0.0.1', gives: 'NXDOMAIN refused=nxdomain' },
  'ALLOW_ANY looks undeclared names up': { ask: 'A free.test', mode: 'strict, ALLOW_ANY', gives: 'ask A free.test' },
  'ALLOW_ANY looks names under search domains up': { ask: 'A wiki.corp.test', mode: 'strict, ALLOW_ANY', gives: 'ask A wiki.corp.test' },
  'ALLOW_ANY does not send cluster names out': {
    ask: 'A db.other.svc.cluster.local',
    mode: 'strict, ALLOW_ANY',
    gives: 'NXDOMAIN refused=nxdomain',
  },
  'ALLOW_ANY does not look up odd bytes': { ask: 'A a\\032b.test', mode: 'strict, ALLOW_ANY', gives: 'NXDOMAIN refused=nxdomain' },
  'names of which another control plane tells nothing resolve as usual': {
    ask: 'A evil.test',
    mode: 'strict, of another control plane',
    gives: 'ask A evil.test',
  },
  'istio forwards undeclared names under REGISTRY_ONLY': { ask: 'A evil.test', mode: 'istio', gives: 'ask A evil.test' },
  'istio forwards other types': { ask: 'MX evil.test', mode: 'istio', gives: 'ask MX evil.test' },
  'istio forwards cluster names': { ask: 'A x.svc.cluster.local', mode: 'istio', gives: 'ask A x.svc.cluster.local' },
  'the reverse of a virtual address is its name': { ask: 'PTR 2.1.240.240.in-addr.arpa', gives: 'NOERROR d2iq.com ttl=1' },
  'the reverse of an IPv6 virtual address too': {
    ask: 'PTR 2.0.1.0.0.f.0.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa',
    gives: 'NOERROR d2iq.com ttl=1',
  },
  'the reverse of loopback is localhost': { ask: 'PTR 1.0.0.127.in-addr.arpa', gives: 'NOERROR localhost ttl=1' },
  'no other reverse exists': { ask: 'PTR 1.0.0.10.in-addr.arpa', gives: 'NXDOMAIN' },
  'half a reverse is no address': { ask: 'PTR 0.10.in-addr.arpa', gives: 'NXDOMAIN' },
  'istio forwards reverses': { ask: 'PTR 1.0.0.10.in-addr.arpa', mode: 'istio', gives: 'ask PTR 1.0.0.10.in-addr.arpa' },
}

describe('a question', () => {
  for (const [sentence, { ask, mode = 'strict', gives }] of Object.entries(rules)) {
    test(sentence, () => expect(told(answerQuery(questionOf(ask), contextIn(mode)))).toBe(gives))
  }

  test('gets SERVFAIL before the first configuration', () => {
    expect(told(answerQuery(questionOf('A d2iq.com'), contextIn('strict', { runtime: undefined })))).toBe('SERVFAIL')
  })

  test('for localhost is answered even then', () => {
    expect(told(answerQuery(questionOf('A localhost'), contextIn('strict', { runtime: undefined })))).toBe('NOERROR 127.0.0.1 ttl=30')
  })

  test('of another class is refused', () => {
    expect(told(answerQuery({ ...questionOf('TXT version.bind'), class: 3 }, contextIn('strict')))).toBe('REFUSED')
  })

  test('for an undeclared name gets NXDOMAIN where the setting says so', () => {
    expect(told(answerQuery(questionOf('A evil.test'), contextIn('strict', { undeclared: 'nxdomain' })))).toBe('NXDOMAIN refused=nxdomain')
  })

  test('for the reverse of a refusal address gets the name that was refused', () => {
    const context = contextIn('strict')
    expect(told(answerQuery(questionOf('A evil.test'), context))).toContain('240.241.170.14')
    expect(told(answerQuery(questionOf('PTR 14.170.241.240.in-addr.arpa'), context))).toBe('NOERROR evil.test ttl=1')
  })
})

const answers: Record<string, { readonly answer: DnsAnswer; readonly gives: string }> = {
  'addresses keep their order and what is left of their TTL': {
    answer: { status: 'found', records: ['203.0.113.2', '203.0.113.1'].map((data) => ({ type: 'A' as const, data })), expires: 21_500 },
    gives: 'NOERROR 203.0.113.2,203.0.113.1 ttl=12',
  },
  'addresses that may not be told are left out': {
    answer: { status: 'found', records: ['127.0.0.1', '203.0.113.1'].map((data) => ({ type: 'A' as const, data })), expires: 15_000 },
    gives: 'NOERROR 203.0.113.1 ttl=5',
  },
  'a name with none but those has no data': {
    answer: { status: 'found', records: [{ type: 'A', data: '169.254.169.254' }], expires: 15_000 },
    gives: 'NOERROR',
  },
  'an address in the wrong record is left out': {
    answer: { status: 'found', records: [{ type: 'AAAA', data: '::ffff:203.0.113.1' }], expires: 15_000 },
    gives: 'NOERROR',
  },
  'no such name': { answer: { status: 'no-name', expires: 15_000 }, gives: 'NXDOMAIN' },
  'no data': { answer: { status: 'no-data', expires: 15_000 }, gives: 'NOERROR' },
  'a failure': { answer: { status: 'failed', reason: 'silence', expires: 15_000 }, gives: 'SERVFAIL' },
}

describe("a resolver's answer", () => {
  for (const [sentence, { answer, gives }] of Object.entries(answers)) {
    test(sentence, () => expect(told({ action: 'reply', reply: finishAnswer(answer, contextIn('strict'), 10_000) })).toBe(gives))
  }
})
