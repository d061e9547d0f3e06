// Says as whom the workload runs: the caller, the user that --user names, or under sudo the one who called sudo.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { SallyportError } from '../base/index.ts'
import type { Environment } from './workload-env.ts'

export interface WorkloadUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

export interface UserChoice {
  /** Absent: as the caller is, nothing is changed. */
  readonly user?: WorkloadUser
  readonly note?: string
}

export interface UserFacts {
  readonly uid: number
  readonly env: Environment
  readonly requested?: string
  /** Root of the machine, not of a user namespace. */
  readonly isRealRoot: boolean
  readonly lookUp: (name: string) => WorkloadUser | undefined
}

export function chooseUser(facts: UserFacts): UserChoice {
  const sudoUser = facts.uid === 0 ? facts.env['SUDO_USER'] : undefined
  const wanted = facts.requested ?? sudoUser
  if (wanted !== undefined && wanted !== '') {
    const user = facts.lookUp(wanted)
    if (user === undefined)
      throw new SallyportError('SLP0008', `--user ${wanted}: there is no such user`, { fix: 'name a user that `getent passwd` knows' })
    if (user.uid === facts.uid) return {}
    if (facts.uid !== 0)
      throw new SallyportError('SLP0008', `--user ${wanted}: only root can run a workload as somebody else`, {
        fix: 'leave --user out, or run sallyport by sudo',
      })
    return facts.requested === undefined ? { user, note: `running as ${user.name}, who called sudo (--user root keeps root)` } : { user }
  }
  if (facts.uid !== 0 || !facts.isRealRoot) return {}
  return { note: 'running as root: the workload can change any file of this machine; --user NAME is safer' }
}

/** What a login as that user would set. */
export function userEnvironment(env: Environment, user: WorkloadUser): Environment {
  const own = { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell, XDG_RUNTIME_DIR: `/run/user/${user.uid}` }
  return { ...env, ...own, ...(env['XDG_RUNTIME_DIR'] === undefined ? { XDG_RUNTIME_DIR: undefined } : {}), MAIL: undefined }
}

/** By name or number. `getent` knows directories that /etc/passwd does not; a machine without it has no others. */
export function lookUpUser(name: string): WorkloadUser | undefined {
  let line = ''
  try {
    line = execFileSync('getent', ['passwd', '--', name], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    line = lines.find((candidate) => candidate.split(':')[0] === name || candidate.split(':')[2] === name) ?? ''
  }
  return parsePasswd(line.trim())
}

export function parsePasswd(line: string): WorkloadUser | undefined {
  const [name, , uid, gid, , home = '/', shell = '/bin/sh'] = line.split(':')
  if (!name || uid === undefined || gid === undefined || !/^[0-9]+$/.test(uid) || !/^[0-9]+$/.test(gid)) return undefined
  return { name, uid: Number(uid), gid: Number(gid), home, shell: shell === '' ? '/bin/sh' : shell }
}

/** /proc/self/uid_map of the first user namespace maps all ids to themselves. */
export function isFirstUserNamespace(uidMap: string): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(uidMap)
}
