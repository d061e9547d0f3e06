// Holds how names are resolved, against a real DNS server that can be late, silent, failing or lying.
import { afterEach, describe, expect, test } from 'vitest'
import { startNameServer } from '../support/name-server.ts'
import type { NameAnswer, NameServer } from '../support/name-server.ts'
import { TestClock } from '../../src/base/index.ts'
import { createNameSource } from '../../src/dns/index.ts'
import type { AskedType, DnsClient, NameSourceLimits } from '../../src/dns/index.ts'

const opened: { close(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

interface Setting {
  readonly server: NameServer
  readonly names: DnsClient
  readonly clock: TestClock
}

async function setUp(table: Record<string, NameAnswer>, limits: Partial<NameSourceLimits> = {}): Promise<Setting> {
  const server = await startNameServer(table)
  const clock = new TestClock()
  const names = createNameSource({
    server: server.server,
    hostsFile: '/nonexistent',
    clock,
    limits: { tryMs: 200, tries: 2, questionMs: 2000, ...limits },
  })
  opened.push(server, names)
  return { server, names, clock }
}

const many = Array.from({ length: 1000 }, (_, index) => `203.0.${113 + Math.floor(index / 250)}.${(index % 250) + 1}`)

const resolutions: Record<string, { readonly answer: NameAnswer | undefined; readonly gives: object }> = {
  'addresses come in their order, IPv4 first': {
    answer: ['2001:db8::2', '203.0.113.9', '203.0.113.1', '2001:db8::1'],
    gives: { addresses: ['203.0.113.9', '203.0.113.1', '2001:db8::2', '2001:db8::1'] },
  },
  'a name with IPv6 only': { answer: ['2001:db8::1'], gives: { addresses: ['2001:db8::1'] } },
  'a name that does not exist has no addresses': { answer: undefined, gives: { addresses: [] } },
  'a name without addresses': { answer: [], gives: { addresses: [] } },
  'an address that is told twice counts once': { answer: ['203.0.113.1', '203.0.113.1'], gives: { addresses: ['203.0.113.1'] } },
  'of a thousand addresses sixty-four are kept, by TCP': { answer: many, gives: { addresses: many.slice(0, 64) } },
  'lies are passed on: judging is not its business': {
    answer: ['127.0.0.1', '169.254.169.254'],
    gives: { addresses: ['127.0.0.1', '169.254.169.254'] },
  },
  'a server that fails': { answer: { fails: 'SERVFAIL' }, gives: { failed: 'the resolver failed (SERVFAIL)' } },
  'a server that refuses': { answer: { fails: 'REFUSED' }, gives: { failed: 'the resolver refused the question' } },
  'a server that says nothing': { answer: { silent: true }, gives: { failed: 'the resolver did not answer in time' } },
}

describe('resolving', () => {
  for (const [sentence, { answer, gives }] of Object.entries(resolutions)) {
    test(sentence, async () => {
      const { names } = await setUp(answer === undefined ? {} : { 'name.test': answer })
      expect(await names.resolve('name.test')).toMatchObject(gives)
    })
  }

  test('gives up at its limit, whatever the tries come to', async () => {
    const { names } = await setUp({ 'name.test': { silent: true } }, { tryMs: 60_000, questionMs: 100 })
    expect(await names.resolve('name.test')).toMatchObject({ failed: 'no resolver answered in time' })
  })

  test('fails at once when nobody listens', async () => {
    const { names, server } = await setUp({})
    await server.close()
    opened.splice(0, 1)
    expect(await names.resolve('name.test')).toHaveProperty('failed')
  })

  test('is case-blind, takes a trailing dot, appends nothing', async () => {
    const { names, server } = await setUp({ 'name.test': ['203.0.113.1'] })
    expect(await names.resolve('NAME.test.')).toMatchObject({ addresses: ['203.0.113.1'] })
    expect(await names.resolve('name')).toMatchObject({ addresses: [] })
    expect(new Set(server.asked)).toEqual(new Set(['A name.test', 'AAAA name.test', 'A name', 'AAAA name']))
  })

  test('joins questions that are under way', async () => {
    const { names, server } = await setUp({ 'name.test': { addresses: ['203.0.113.1'], delayMs: 50 } })
    await Promise.all(Array.from({ length: 100 }, () => names.resolve('name.test')))
    expect(server.asked.length).toBe(2)
  })

  test('does not wait for AAAA when the server drops such questions', async () => {
    const { names, server, clock } = await setUp({ 'name.test': { addresses: ['203.0.113.1'], silent: 'AAAA' } })
    const answer = names.resolve('name.test')
    await expect.poll(() => names.known('name.test')).toMatchObject({ addresses: ['203.0.113.1'] })
    clock.advance(50)
    expect(await answer).toEqual({ addresses: ['203.0.113.1'], expires: clock.now() + 1000 })
    expect(server.asked).toContain('AAAA name.test')
  })

  test('refuses more questions at one time than its limit', async () => {
    const { names } = await setUp({ '*.test': { delayMs: 50, addresses: [] } }, { pending: 4 })
    const answers = await Promise.all([1, 2, 3].map((index) => names.resolve(`name-${index}.test`)))
    expect(answers.map((answer) => 'failed' in answer)).toEqual([false, false, true])
  })

  test('ends when it is closed', async () => {
    const { names } = await setUp({ 'name.test': { silent: true } }, { tryMs: 60_000, questionMs: 60_000 })
    const answer = names.resolve('name.test')
    names.close()
    expect(await answer).toHaveProperty('failed')
    expect(await names.resolve('other.test')).toMatchObject({ failed: 'the resolver has been closed' })
  })
})

describe('an answer', () => {
  const lives: Record<string, { readonly answer: NameAnswer | undefined; readonly seconds: number }> = {
    'lives for its TTL': { answer: { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 20 }, seconds: 20 },
    'lives for a second at least': { answer: { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 0 }, seconds: 1 },
    'lives for five minutes at most': { answer: { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 86_400 }, seconds: 300 },
    'that there is no such name lives for five seconds': { answer: undefined, seconds: 5 },
    'that could not be had lives for five seconds': { answer: { fails: 'SERVFAIL' }, seconds: 5 },
  }
  for (const [sentence, { answer, seconds }] of Object.entries(lives)) {
    test(sentence, async () => {
      const { names, clock } = await setUp(answer === undefined ? {} : { 'name.test': answer })
      expect(names.known('name.test')).toBeUndefined()
      await names.resolve('name.test')
      clock.advance(seconds * 1000 - 1)
      expect(names.known('name.test')).toBeDefined()
      clock.advance(1)
      expect(names.known('name.test')).toBeUndefined()
    })
  }

  test('changes when its TTL is over, and not before', async () => {
    const { names, server, clock } = await setUp({ 'name.test': { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 10 } })
    await names.resolve('name.test')
    server.set('name.test', ['203.0.113.2', '2001:db8::1'])
    expect(await names.resolve('name.test')).toMatchObject({ addresses: ['203.0.113.1', '2001:db8::1'] })
    clock.advance(10_000)
    expect(await names.resolve('name.test')).toMatchObject({ addresses: ['203.0.113.2', '2001:db8::1'] })
  })

  test('stands in for a minute while the server fails, and no longer', async () => {
    const { names, server, clock } = await setUp({ 'name.test': { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 10 } })
    await names.resolve('name.test')
    server.set('name.test', { fails: 'SERVFAIL' })
    for (let waited = 10; waited < 70; waited += 10) {
      clock.advance(10_000)
      expect(await names.resolve('name.test'), `after ${waited} s`).toMatchObject({ addresses: ['203.0.113.1', '2001:db8::1'] })
    }
    clock.advance(10_000)
    expect(await names.resolve('name.test')).toHaveProperty('failed')
  })

  test('does not outlive a clock that was set back', async () => {
    const { names, clock } = await setUp({ 'name.test': { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 300 } })
    await names.resolve('name.test')
    clock.advance(-3_600_000)
    expect(names.known('name.test')).toBeUndefined()
  })

  test('is forgotten first when it was used longest ago', async () => {
    const { names } = await setUp({ '*.test': { addresses: ['203.0.113.1', '2001:db8::1'], ttl: 60 } }, { names: 3 })
    for (const name of ['a', 'b', 'c']) await names.resolve(`${name}.test`)
    names.known('a.test')
    await names.resolve('d.test')
    expect(['a', 'b', 'c', 'd'].filter((name) => names.known(`${name}.test`))).toEqual(['a', 'c', 'd'])
  })
})

describe('a question of one type', () => {
  const name = 'name.test'
  const types: Record<string, { readonly type: AskedType; readonly answer: NameAnswer; readonly data: readonly unknown[] }> = {
    'for mail servers': {
      type: 'MX',
      answer: { records: [{ type: 'MX', name, data: { preference: 5, exchange: 'mx.test' } }] },
      data: [{ preference: 5, exchange: 'mx.test' }],
    },
    'for text': { type: 'TXT', answer: { records: [{ type: 'TXT', name, data: ['one', 'two'] }] }, data: [['one', 'two']] },
    'for services': {
      type: 'SRV',
      answer: { records: [{ type: 'SRV', name, data: { priority: 1, weight: 2, port: 3, target: 'a.test' } }] },
      data: [{ priority: 1, weight: 2, port: 3, target: 'a.test' }],
    },
    'for name servers': { type: 'NS', answer: { records: [{ type: 'NS', name, data: 'ns.test' }] }, data: ['ns.test'] },
    'for the alias': { type: 'CNAME', answer: { records: [{ type: 'CNAME', name, data: 'other.test' }] }, data: ['other.test'] },
    'for certificate authorities': {
      type: 'CAA',
      answer: { records: [{ type: 'CAA', name, data: { flags: 0, tag: 'issue', value: 'ca.test' } }] },
      data: [{ flags: 0, tag: 'issue', value: 'ca.test' }],
    },
    'for addresses of one family': { type: 'AAAA', answer: ['203.0.113.1', '2001:db8::1'], data: ['2001:db8::1'] },
  }
  for (const [sentence, { type, answer, data }] of Object.entries(types)) {
    test(sentence, async () => {
      const { names } = await setUp({ [name]: answer })
      const found = await names.query(name, type)
      expect(found.status === 'found' ? found.records.map((record) => record.data) : found).toEqual(data)
    })
  }
})

test('a resolver address that is none is refused with its remedy', () => {
  for (const server of ['', 'resolver', '1.2.3.4:0', '1.2.3.4:99999', '2001:db8::1:53:', '[1.2.3.4', '1.2.3:53']) {
    expect(() => createNameSource({ server }), server).toThrow(expect.objectContaining({ code: 'SLP0008' }))
  }
  for (const server of ['1.2.3.4', '1.2.3.4:5353', '2001:db8::1', '[2001:db8::1]', '[2001:db8::1]:5353'])
    createNameSource({ server }).close()
})
