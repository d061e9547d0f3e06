// Holds the order of steps and the two command lines that the seal hangs on.
import { describe, expect, test } from 'vitest'
import { launchCommand, privilegeCommand, stageOf, stages } from './stages.ts'

const tools = { sh: '/bin/sh', setpriv: '/usr/bin/setpriv', unshare: '/usr/bin/unshare' }
const plan = { tools, node: '/usr/bin/node', entry: '/dist/seal-entry.js' }

describe('the chain that makes the namespaces', () => {
  const asUser = launchCommand({ ...plan, withUserNamespace: true })
  const asRoot = launchCommand({ ...plan, withUserNamespace: false })

  test('a killed sidecar takes everything along, link by link', () => {
    const line = asUser.join(' ')
    expect(line).toMatch(/setpriv --pdeathsig KILL -- \S*unshare .*--kill-child/)
  })

  test('every namespace that matters is there', () => {
    for (const name of ['--net', '--mount', '--pid', '--ipc', '--fork', '--mount-proc']) {
      expect(asUser).toContain(name)
      expect(asRoot).toContain(name)
    }
  })

  test('only those without rights get a user namespace: in one of a single user chown and su do not work', () => {
    expect(asUser).toEqual(expect.arrayContaining(['--user', '--map-current-user', '--keep-caps']))
    expect(asRoot).not.toContain('--user')
  })

  test('the last link is our init, and no option of Node comes from outside', () => {
    expect(asUser.slice(asUser.lastIndexOf('--') + 1)).toEqual([
      '/usr/bin/node',
      '--no-warnings',
      '--v8-pool-size=0',
      '/dist/seal-entry.js',
    ])
  })
})

describe('what the command is started with', () => {
  test('in a user namespace: no new privileges, nothing inherited', () => {
    const line = privilegeCommand({ setpriv: 'setpriv', isRoot: false })
    expect(line).toEqual(['setpriv', '--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', '--'])
  })

  test('as root: seven capabilities and none more', () => {
    const bounding = privilegeCommand({ setpriv: 'setpriv', isRoot: true }).find((word) => word.startsWith('--bounding-set'))
    expect(bounding).toBe('--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid')
  })

  test('as somebody else: that user, its groups, and no capability at all', () => {
    const line = privilegeCommand({ setpriv: 'setpriv', isRoot: true, user: { uid: 1000, gid: 100 } })
    expect(line).toEqual(expect.arrayContaining(['--reuid=1000', '--regid=100', '--init-groups', '--bounding-set=-all', '--no-new-privs']))
  })
})

test('stages have names of their own, and the command starts last', () => {
  const names = stages.map((stage) => stage.name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.at(-1)).toBe('start')
  expect(names.indexOf('self-test')).toBeGreaterThan(names.indexOf('seccomp'))
  expect(stageOf('nothing of the kind')).toBeUndefined()
})
