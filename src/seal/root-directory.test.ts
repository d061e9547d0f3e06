// Holds which directories may become the root of a workload, and why others may not.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkRootDirectory } from './root-directory.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-roots-')))
const uid = process.getuid?.() ?? 0
const data = join(folder, 'data')
const at = (path: string): string => join(folder, path)

for (const path of ['root', 'data/inside', 'open/root', 'around/kept', 'theirs/root']) mkdirSync(at(path), { recursive: true, mode: 0o755 })
chmodSync(at('open'), 0o775)
symlinkSync(at('root'), at('link'))
symlinkSync(at('data/inside'), at('link-inside'))
writeFileSync(at('file'), '')

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kept = [data, at('around/kept'), at('not-there-yet')]

test('a directory of the caller’s own may be one, and what names it is followed once', () => {
  expect(checkRootDirectory(at('root'), { uid, kept })).toEqual({ ok: true, value: at('root') })
  expect(checkRootDirectory(at('link'), { uid, kept })).toEqual({ ok: true, value: at('root') })
})

const refused: Record<string, { readonly path: string; readonly says: RegExp }> = {
  'a relative path': { path: 'root', says: /absolute/ },
  'one that is not there': { path: at('none'), says: /no such directory/ },
  'a file': { path: at('file'), says: /no such directory/ },
  'the machine’s own root': { path: '/', says: /own root/ },
  'what the seal replaces': { path: '/proc/self', says: /^\/proc is another one/ },
  'what is kept from workloads': { path: data, says: /is in .*data, of which/ },
  'a directory in that': { path: at('data/inside'), says: /is in .*data, of which/ },
  'a link into that': { path: at('link-inside'), says: /is in .*data, of which/ },
  'a directory around that': { path: at('around'), says: /around\/kept is in it/ },
  'one below a directory that others may write to': { path: at('open/root'), says: /others may write to .*open$/ },
}

test.each(Object.entries(refused))('is none: %s', (_name, { path, says }) => {
  expect(checkRootDirectory(path, { uid, kept })).toEqual({ ok: false, error: expect.stringMatching(says) })
})

test.runIf(uid === 0)('nor one of somebody else, or below one of theirs', () => {
  chownSync(at('theirs'), 4000, 4000)
  expect(checkRootDirectory(at('theirs/root'), { uid, kept })).toEqual({
    ok: false,
    error: expect.stringMatching(/theirs belongs to user 4000/),
  })
})
