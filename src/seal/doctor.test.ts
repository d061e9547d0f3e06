// Holds that each known obstacle has its own remedy, and that the checks run to their end on any machine.
import { expect, test } from 'vitest'
import { doctor, type MachineFacts, namespaceRemedy } from './doctor.ts'

const facts: MachineFacts = { release: '6.1.0', settings: {}, inContainer: false, inSeal: false, isPrivileged: false, hasIpv6: true }

const cases: Record<string, { facts: Partial<MachineFacts>; says: RegExp }> = {
  'Ubuntu’s AppArmor': {
    facts: { settings: { 'kernel/apparmor_restrict_unprivileged_userns': '1' } },
    says: /sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/,
  },
  'Debian’s old switch': {
    facts: { settings: { 'kernel/unprivileged_userns_clone': '0' } },
    says: /sysctl -w kernel\.unprivileged_userns_clone=1/,
  },
  'no user namespaces allowed': { facts: { settings: { 'user/max_user_namespaces': '0' } }, says: /sysctl -w user\.max_user_namespaces=/ },
  'a container': { facts: { inContainer: true }, says: /--cap-add SYS_ADMIN .*seccomp=unconfined/ },
  'the inside of a seal': { facts: { inSeal: true, inContainer: true }, says: /already the inside of a seal/ },
  'nothing known': {
    facts: { settings: { 'user/max_user_namespaces': '15000', 'kernel/apparmor_restrict_unprivileged_userns': '0' } },
    says: /sudo/,
  },
}

test.each(Object.entries(cases))('%s', (_name, { facts: changed, says }) => {
  expect(namespaceRemedy({ ...facts, ...changed })).toMatch(says)
})

test('every check has a name and a word, and one that fails has a remedy', async () => {
  const checks = await doctor()
  expect(checks.map((check) => check.name)).toEqual(
    expect.arrayContaining(['kernel', 'processor', 'programs', 'system call filter', 'native calls']),
  )
  for (const check of checks) {
    expect(check.detail).not.toBe('')
    if (!check.ok) expect(check.fix).toBeTruthy()
  }
})
