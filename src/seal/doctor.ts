// Checks one by one what this machine must allow for a seal, by trying it, and names the exact remedy for what it does not.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { messageOf, SallyportError } from '../base/index.ts'
import { loopbackBatch, renderRuleset } from '../intercept/index.ts'
import { ownGroup } from './libc.ts'
import { ownDirectory } from './masks.ts'
import { hasCapability, sysAdmin } from './own-capabilities.ts'
import { isArchitecture } from './seccomp.ts'
import { findTool, installHint, toolNames, type Tools } from './tools.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly fix?: string
}

/** Every prerequisite, whether the earlier ones hold or not, so that all can be put right at once. */
export async function doctor(): Promise<readonly Check[]> {
  const facts = readFacts()
  const programs = checkPrograms()
  const tools = foundTools()
  if (!tools) return [checkKernel(facts), checkProcessor(), programs, checkFilter(facts), checkCalls()]
  const [options, namespaces, rules] = await Promise.all([checkOptions(tools), checkNamespaces(tools, facts), checkRules(tools, facts)])
  return [checkKernel(facts), checkProcessor(), programs, options, namespaces, rules, checkFilter(facts), checkCalls(), checkIpv6(facts)]
}

/** Why a seal could not be opened, when the first of its processes ended without a word. */
export async function explainFailure(): Promise<SallyportError> {
  const failed = (await doctor()).find((check) => !check.ok)
  if (failed)
    return new SallyportError(
      'SLP2001',
      `the seal cannot be made: ${failed.name}: ${failed.detail}`,
      failed.fix === undefined ? {} : { fix: failed.fix },
    )
  return new SallyportError('SLP2002', 'the seal cannot be made: its first process ended before it was ready', {
    fix: 'what it wrote is above; `sallyport doctor` finds nothing missing on this machine',
  })
}

/** What the machine's settings say; tests make them up. */
export interface MachineFacts {
  readonly release: string
  /** Settings by their path below /proc/sys, absent where the kernel has no such thing. */
  readonly settings: Readonly<Record<string, string | undefined>>
  readonly inContainer: boolean
  readonly inSeal: boolean
  readonly isPrivileged: boolean
  readonly hasIpv6: boolean
}

/** The remedy for a refused `unshare`, most specific first. */
export function namespaceRemedy(facts: MachineFacts): string {
  if (facts.inSeal) return 'run it outside: this is already the inside of a seal, which cannot hold another'
  if (facts.settings['kernel/unprivileged_userns_clone'] === '0')
    return 'as root: sysctl -w kernel.unprivileged_userns_clone=1, or run sallyport by sudo'
  if (facts.settings['user/max_user_namespaces'] === '0')
    return 'as root: sysctl -w user.max_user_namespaces=15000, or run sallyport by sudo'
  if (facts.inContainer)
    return 'give the container what a seal needs: docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined'
  if (facts.settings['kernel/apparmor_restrict_unprivileged_userns'] === '1')
    return 'as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu’s AppArmor forbids user namespaces), or run sallyport by sudo'
  return 'run sallyport by sudo, or enable user namespaces in the kernel (CONFIG_USER_NS) and in the rules of this machine’s security modules'
}

const settingNames = [
  'kernel/unprivileged_userns_clone',
  'user/max_user_namespaces',
  'kernel/apparmor_restrict_unprivileged_userns',
  'kernel/seccomp/actions_avail',
]

function readFacts(): MachineFacts {
  return {
    release: os.release(),
    settings: Object.fromEntries(settingNames.map((name) => [name, readOrNothing(`/proc/sys/${name}`)])),
    inContainer: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    inSeal: existsSync(ownDirectory),
    isPrivileged: process.getuid?.() === 0 && hasCapability(sysAdmin),
    hasIpv6: existsSync('/proc/sys/net/ipv6'),
  }
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** NAT in the family `inet` came with 5.2. */
function checkKernel({ release }: MachineFacts): Check {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number)
  const ok = major > 5 || (major === 5 && minor >= 2)
  return verdict({ name: 'kernel', ok, detail: `Linux ${release}`, fix: 'Linux 5.2 or newer is needed' })
}

function checkProcessor(): Check {
  const ok = isArchitecture(process.arch)
  return verdict({ name: 'processor', ok, detail: process.arch, fix: 'the system call filter knows x64 and arm64 only' })
}

function checkPrograms(): Check {
  const missing = toolNames.filter((name) => findTool(name, process.env['PATH']) === undefined)
  const detail = missing.length === 0 ? toolNames.join(', ') : `missing: ${missing.join(', ')}`
  return verdict({ name: 'programs', ok: missing.length === 0, detail, fix: installHint(missing) })
}

function foundTools(): Tools | undefined {
  const [unshare, setpriv, ip, nft, sh, env, setsid] = toolNames.map((name) => findTool(name, process.env['PATH']))
  return unshare && setpriv && ip && nft && sh && env && setsid ? { unshare, setpriv, ip, nft, sh, env, setsid } : undefined
}

async function checkOptions(tools: Tools): Promise<Check> {
  const [unshare, setpriv] = await Promise.all([run([tools.unshare, '--help']), run([tools.setpriv, '--help'])])
  const needed = [
    ...['--map-current-user', '--keep-caps', '--kill-child', '--mount-proc']
      .filter((option) => !unshare.said.includes(option))
      .map((o) => `unshare ${o}`),
    ...['--pdeathsig', '--bounding-set', '--ambient-caps'].filter((option) => !setpriv.said.includes(option)).map((o) => `setpriv ${o}`),
  ]
  const ok = needed.length === 0
  return verdict({
    name: 'util-linux',
    ok,
    detail: ok ? 'has all options' : `lacks ${needed.join(', ')}`,
    fix: 'util-linux 2.36 or newer is needed',
  })
}

async function checkNamespaces(tools: Tools, facts: MachineFacts): Promise<Check> {
  const kind = facts.isPrivileged ? 'as root' : 'by a user namespace'
  const { ok, said } = await run([...isolated(tools, facts), '/bin/true'])
  return verdict({ name: 'namespaces', ok, detail: ok ? kind : `${kind}: ${said}`, fix: namespaceRemedy(facts) })
}

async function checkRules(tools: Tools, facts: MachineFacts): Promise<Check> {
  const ipv6 = facts.hasIpv6 ? { tcp: 4, dnsUdp: 5, dnsTcp: 6 } : undefined
  const rules = renderRuleset({ tcp4: 1, dnsUdp4: 2, dnsTcp4: 3, ...(ipv6 ? { ipv6 } : {}) })
  const script = `printf '%s' "$1" | ${tools.ip} -batch - && printf '%s' "$2" | ${tools.nft} -f -`
  const { ok, said } = await run([...isolated(tools, facts), tools.sh, '-c', script, 'sh', loopbackBatch(facts.hasIpv6), rules])
  const fix =
    'load the kernel’s parts as root: modprobe -a nf_tables nft_redir nft_reject_inet nft_ct nf_nat; nftables 1.0 or newer is needed'
  return verdict({ name: 'capture rules', ok, detail: ok ? 'can be installed in a namespace of their own' : said, fix })
}

function isolated(tools: Tools, facts: MachineFacts): readonly [string, ...string[]] {
  const user = facts.isPrivileged ? [] : ['--user', '--map-current-user', '--keep-caps']
  return [tools.unshare, ...user, '--net', '--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc', '--']
}

function checkFilter({ settings }: MachineFacts): Check {
  const actions = settings['kernel/seccomp/actions_avail'] ?? ''
  const ok = actions.includes('errno')
  const detail = ok ? 'the kernel has it' : 'the kernel does not have it'
  return verdict({ name: 'system call filter', ok, detail, fix: 'a kernel with CONFIG_SECCOMP_FILTER is needed' })
}

function checkCalls(): Check {
  const name = 'native calls'
  try {
    return { name, ok: ownGroup() >= 0, detail: 'koffi works' }
  } catch (error) {
    return {
      name,
      ok: false,
      detail: messageOf(error),
      fix: 'install the npm packages anew, with optional ones: koffi’s binary for this machine is one',
    }
  }
}

/** Nothing to repair: without IPv6 nothing can leave by IPv6. */
function checkIpv6({ hasIpv6 }: MachineFacts): Check {
  return { name: 'IPv6', ok: true, detail: hasIpv6 ? 'sealed like IPv4' : 'this kernel has none, so nothing leaves by it' }
}

function verdict({ name, ok, detail, fix }: Required<Check>): Check {
  return ok ? { name, ok, detail } : { name, ok, detail, fix }
}

function run(command: readonly [string, ...string[]]): Promise<{ readonly ok: boolean; readonly said: string }> {
  const [program, ...args] = command
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } }, (error, stdout, stderr) => {
      const said = `${stderr}${stdout}`.trim() || (error ? messageOf(error) : '')
      resolve({ ok: error === null, said: error ? (said.split('\n')[0] ?? '') : said })
    })
  })
}
