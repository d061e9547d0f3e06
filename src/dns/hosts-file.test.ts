// Holds how /etc/hosts is read.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { TestClock } from '../base/index.ts'
import { createNameSource } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hosts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const cases: Record<string, { readonly hosts: string; readonly name: string; readonly gives: readonly string[] | undefined }> = {
  'a line gives its address to each of its names': { hosts: '203.0.113.1 one two\n', name: 'two', gives: ['203.0.113.1'] },
  'several lines add up in their order': {
    hosts: '203.0.113.2 one\n2001:db8::1\tone # spare\n203.0.113.2 one',
    name: 'one',
    gives: ['203.0.113.2', '2001:db8::1'],
  },
  'case and a trailing dot do not matter': { hosts: '203.0.113.1 One.Test', name: 'oNE.test.', gives: ['203.0.113.1'] },
  'comments and broken lines are skipped': { hosts: '# 203.0.113.1 one\n300.1.1.1 one\none\n', name: 'one.invalid', gives: [] },
  'localhost is what the file says': { hosts: '127.0.0.1 localhost', name: 'localhost', gives: ['127.0.0.1'] },
  'localhost is nothing where the file is silent, and nobody is asked': { hosts: '', name: 'localhost', gives: [] },
  'an address is its own address': { hosts: '', name: '203.0.113.9', gives: ['203.0.113.9'] },
  'an IPv6 address in long form too': { hosts: '', name: '2001:DB8:0:0::9', gives: ['2001:db8::9'] },
  'what could be read as an address is never looked up': { hosts: '', name: '10.1', gives: [] },
  'what is no name is never looked up': { hosts: '', name: 'a b.test', gives: [] },
}

describe('the hosts file', () => {
  for (const [sentence, { hosts, name, gives }] of Object.entries(cases)) {
    test(sentence, async () => {
      const hostsFile = join(folder, `${sentence.replaceAll(/\W/g, '-')}`)
      writeFileSync(hostsFile, hosts)
      const names = createNameSource({ hostsFile, server: '127.0.0.1:1', limits: { tryMs: 100, tries: 1 } })
      const known = names.known(name)
      names.close()
      if (name === 'one.invalid') expect(known).toBeUndefined()
      else expect(known).toMatchObject({ addresses: gives })
    })
  }

  test('that cannot be read keeps no name from being resolved', async () => {
    // A file to whoever looks at it, and an error to whoever reads it.
    const names = createNameSource({ hostsFile: '/proc/self/mem', server: '127.0.0.1:1', limits: { tryMs: 100, tries: 1 } })
    expect(names.known('one.invalid')).toBeUndefined()
    expect(await names.query('one.invalid', 'A')).toMatchObject({ status: 'failed' })
    expect(await names.resolve('one.invalid')).toHaveProperty('failed')
    names.close()
  })

  test('is read again when the time of day was set back', () => {
    const hostsFile = join(folder, 'set-back')
    const clock = new TestClock()
    let day = 86_400_000
    const names = createNameSource({ hostsFile, server: '127.0.0.1:1', clock: Object.assign(clock, { now: () => day }) })
    expect(names.known('one')).toBeUndefined()
    writeFileSync(hostsFile, '203.0.113.1 one')
    day -= 3_600_000
    clock.advance(1000)
    expect(names.known('one')).toMatchObject({ addresses: ['203.0.113.1'] })
    names.close()
  })

  test('is read again when it has changed, also by renaming', () => {
    const clock = new TestClock()
    const hostsFile = join(folder, 'changing')
    const names = createNameSource({ hostsFile, server: '127.0.0.1:1', clock })
    expect(names.known('one')).toBeUndefined()
    writeFileSync(`${hostsFile}.new`, '203.0.113.1 one')
    renameSync(`${hostsFile}.new`, hostsFile)
    clock.advance(1000)
    expect(names.known('one')).toMatchObject({ addresses: ['203.0.113.1'] })
    rmSync(hostsFile)
    clock.advance(1000)
    expect(names.known('one')).toBeUndefined()
    names.close()
  })
})
