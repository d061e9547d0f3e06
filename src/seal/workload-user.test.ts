// Holds as whom the workload runs.
import { expect, test } from 'vitest'
import {
  chooseUser,
  isFirstUserNamespace,
  lookUpUser,
  parsePasswd,
  userEnvironment,
  type UserFacts,
  type WorkloadUser,
} from './workload-user.ts'

const ann: WorkloadUser = { name: 'ann', uid: 1000, gid: 1000, home: '/home/ann', shell: '/bin/bash' }
const superuser: WorkloadUser = { name: 'root', uid: 0, gid: 0, home: '/root', shell: '/bin/sh' }
const lookUp = (name: string) => [ann, superuser].find((user) => user.name === name)
const facts: UserFacts = { uid: 0, env: {}, isRealRoot: true, lookUp }

const cases: Record<string, { facts: Partial<UserFacts>; user?: string; note?: RegExp; error?: RegExp }> = {
  'an ordinary user stays who it is': { facts: { uid: 1000, isRealRoot: false } },
  'root stays root, and is told': { facts: {}, note: /--user NAME is safer/ },
  'root of a user namespace is not told': { facts: { isRealRoot: false } },
  'root becomes whom it names': { facts: { requested: 'ann' }, user: 'ann' },
  'under sudo it is who called sudo, and that is said': { facts: { env: { SUDO_USER: 'ann' } }, user: 'ann', note: /called sudo/ },
  'under sudo root stays on request': { facts: { env: { SUDO_USER: 'ann' }, requested: 'root' } },
  'sudo by root changes nothing': { facts: { env: { SUDO_USER: 'root' } } },
  'SUDO_USER means nothing without root': { facts: { uid: 1000, env: { SUDO_USER: 'root' } } },
  'an ordinary user may name itself': { facts: { uid: 1000, requested: 'ann' } },
  'an ordinary user may name nobody else': { facts: { uid: 1000, requested: 'root' }, error: /only root/ },
  'an unknown user': { facts: { requested: 'eve' }, error: /no such user/ },
}

test.each(Object.entries(cases))('%s', (_name, { facts: changed, user, note, error }) => {
  const choose = () => chooseUser({ ...facts, ...changed })
  if (error) return expect(choose).toThrow(error)
  expect(choose().user?.name).toBe(user)
  if (note) expect(choose().note).toMatch(note)
  else if (user !== undefined || changed.uid === 1000) expect(choose().note).toBeUndefined()
})

test('another user gets its own home, not the caller’s', () => {
  const env = userEnvironment({ HOME: '/root', USER: 'root', PATH: '/bin', XDG_RUNTIME_DIR: '/run/user/0', MAIL: '/var/mail/root' }, ann)
  expect(env).toEqual({
    HOME: '/home/ann',
    USER: 'ann',
    LOGNAME: 'ann',
    SHELL: '/bin/bash',
    PATH: '/bin',
    XDG_RUNTIME_DIR: '/run/user/1000',
    MAIL: undefined,
  })
})

test('reads passwd entries', () => {
  expect(parsePasswd('ann:x:1000:1000:Ann,,,:/home/ann:/bin/bash')).toEqual(ann)
  expect(parsePasswd('sync:*:4:65534::/bin:')).toMatchObject({ shell: '/bin/sh' })
  expect(parsePasswd('broken:x:a:b')).toBeUndefined()
  expect(parsePasswd('')).toBeUndefined()
})

test('finds users of this machine by name and number', () => {
  expect(lookUpUser('root')).toMatchObject({ uid: 0, gid: 0 })
  expect(lookUpUser('0')).toMatchObject({ name: 'root' })
  expect(lookUpUser('no-such-user-here')).toBeUndefined()
})

test('knows the first user namespace', () => {
  expect(isFirstUserNamespace('         0          0 4294967295\n')).toBe(true)
  expect(isFirstUserNamespace('         0       1000          1\n')).toBe(false)
})
