// Holds which names of a certificate are accepted, and in which words the others are refused.
import { describe, expect, it } from 'vitest'
import type { TlsPlan } from '../../runtime/index.ts'
import { nameProblem, sansOf } from './certificate-names.ts'

const plan: TlsPlan = { autoSni: true, autoSan: true, sans: [], roots: 'system', alpn: [], minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }
const exact = (value: string): TlsPlan['sans'] => [{ match: 'exact', value, ignoreCase: false }]

const cases: Record<
  string,
  { readonly names: string; readonly plan?: Partial<TlsPlan>; readonly host?: string; readonly isFine: boolean }
> = {
  'the name itself': { names: 'DNS:a.test, DNS:b.test', host: 'b.test', isFine: true },
  'in another case': { names: 'DNS:A.TEST', host: 'a.test', isFine: true },
  'another name': { names: 'DNS:b.test', host: 'a.test', isFine: false },
  'a wildcard for one label': { names: 'DNS:*.x.test', host: 'a.x.test', isFine: true },
  'a wildcard is not for two labels': { names: 'DNS:*.x.test', host: 'b.a.x.test', isFine: false },
  'a wildcard is not for its own domain': { names: 'DNS:*.x.test', host: 'x.test', isFine: false },
  'part of a label is no wildcard (RFC 9525 section 6.3)': { names: 'DNS:a*.x.test', host: 'ab.x.test', isFine: false },
  'a name is no address': { names: 'DNS:10.0.0.1', host: '10.0.0.1', isFine: false },
  'the address': { names: 'DNS:a, IP Address:10.0.0.1', host: '10.0.0.1', isFine: true },
  'the address, in another spelling': { names: 'IP Address:2001:DB8:0:0:0:0:0:1', host: '2001:db8::1', isFine: true },
  'no names at all': { names: '', host: 'a.test', isFine: false },
  'the server name that was asked for': { names: 'DNS:b.test', plan: { sni: 'b.test', autoSan: false }, host: 'a.test', isFine: true },
  'the host, when another server name was asked for': {
    names: 'DNS:a.test',
    plan: { sni: 'b.test', autoSan: false },
    host: 'a.test',
    isFine: false,
  },
  'a declared name': { names: 'DNS:c.test', plan: { sans: exact('c.test') }, host: 'a.test', isFine: true },
  'the host, when other names are declared': { names: 'DNS:a.test', plan: { sans: exact('c.test') }, host: 'a.test', isFine: false },
  'a declared URI': { names: 'URI:spiffe://x/y', plan: { sans: exact('spiffe://x/y') }, isFine: true },
  'a declared name of another kind': {
    names: 'URI:a.test',
    plan: { sans: [{ kind: 'dns', match: 'exact', value: 'a.test', ignoreCase: true }] },
    isFine: false,
  },
  'a declared suffix': {
    names: 'URI:spiffe://x/sa/y',
    plan: { sans: [{ kind: 'uri', match: 'suffix', value: '/sa/y', ignoreCase: false }] },
    isFine: true,
  },
  'the service, where no request says a host': { names: 'DNS:a.test', plan: { host: 'a.test' }, isFine: true },
  'another, where no request says a host': { names: 'DNS:b.test', plan: { host: 'a.test' }, isFine: false },
  'nothing to compare with': { names: 'DNS:a.test', isFine: false },
}

describe('the names of a certificate', () => {
  for (const [name, { names, plan: changes, host, isFine }] of Object.entries(cases)) {
    it(`${isFine ? 'are in order' : 'are not in order'}: ${name}`, () => {
      expect(nameProblem({ subjectaltname: names }, { ...plan, ...changes }, host) === undefined).toBe(isFine)
    })
  }

  it('are told in the words of Envoy', () => {
    expect(nameProblem({ subjectaltname: 'DNS:default.invalid' }, plan, 'stranger.test')).toBe(
      'verify_SAN_list,_expected_SANs:_[stranger.test],_certificate_SANs:_[default.invalid]',
    )
  })

  it('are not read out of other names (CVE-2021-44532)', () => {
    expect(sansOf('DNS:a.test, URI:"spiffe://x, DNS:b.test", IP Address:10.0.0.1')).toEqual([
      { kind: 'dns', value: 'a.test' },
      { kind: 'uri', value: 'spiffe://x, DNS:b.test' },
      { kind: 'ip', value: '10.0.0.1' },
    ])
  })
})
