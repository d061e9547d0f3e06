// Attempts by doors of the kernel that network namespaces know nothing of: other socket families, io_uring, other call tables, keyrings, shared memory.
import type { Attempt, Need } from '../attempt.ts'
import type { Step } from '../attacker/steps.ts'

const theme = 'kernel'

/** Everything but what every program needs: Unix, IPv4, IPv6 and netlink; the ones with a name of their own have an attempt of their own. */
const rareFamilies = Array.from({ length: 48 }, (_, family) => family).filter(
  (family) => ![0, 1, 2, 10, 16, 17, 38, 40, 43, 44].includes(family),
)

const families: readonly Attempt[] = [
  family('AF_VSOCK, the way to the machine under a virtual machine', 40, 'vsock'),
  family('AF_PACKET', 17, 'root'),
  family('AF_ALG', 38, 'alg'),
  family('AF_XDP', 44, 'xdp', 'root'),
  family('AF_SMC', 43, 'smc'),
  {
    name: 'every other family of sockets',
    theme,
    needs: ['rare families'],
    attack: [{ do: 'holdFamilies', families: rareFamilies }],
    shows: 'a socket of a rare family',
  },
  {
    name: 'raw sockets',
    theme,
    needs: ['root'],
    attack: [{ do: 'holdFamilies', families: [2, 10], protocol: 255 }],
    shows: 'a raw socket',
  },
]

const calls: readonly Attempt[] = [
  holding('io_uring, whose sockets no filter sees', { do: 'hold', what: 'io_uring' }, 'io_uring', 'io_uring'),
  holding(
    'AF_VSOCK by 32-bit system calls',
    { do: 'foreignCalls', path: '/tmp/escape/foreign{index}' },
    'AF_VSOCK in a foreign program',
    'x86-64',
    'foreign calls',
    'vsock',
  ),
  holding('AF_VSOCK by x32 system calls', { do: 'hold', what: 'vsock by x32' }, 'AF_VSOCK by x32', 'x86-64', 'second abi', 'vsock'),
  holding('programs in the kernel (BPF)', { do: 'hold', what: 'bpf' }, 'bpf', 'root', 'bpf'),
  holding('the whole machine’s perf events', { do: 'hold', what: 'perf' }, 'perf_event', 'root', 'perf events'),
]

/** What is left there is read outside. */
const shared: readonly Attempt[] = [
  { name: 'a key in the session’s keyring', theme, needs: ['keys'], attack: [{ do: 'leaveKey', keyring: 'session' }] },
  { name: 'a key in the user’s keyring', theme, needs: ['keys'], attack: [{ do: 'leaveKey', keyring: 'user' }] },
  { name: 'a key in the user session’s keyring', theme, needs: ['keys'], attack: [{ do: 'leaveKey', keyring: 'user session' }] },
  { name: 'System V message queues', theme, attack: [{ do: 'leaveMessage', by: 'queue', key: '{ipcKey}' }] },
  { name: 'System V shared memory', theme, attack: [{ do: 'leaveMessage', by: 'memory', key: '{ipcKey}' }] },
  { name: 'POSIX message queues', theme, needs: ['message queues'], attack: [{ do: 'leaveMessage', by: 'posix queue', key: '{ipcKey}' }] },
]

const owners: readonly Attempt[] = [
  {
    name: 'renames the machine',
    theme,
    needs: ['root'],
    serial: true,
    attack: [{ do: 'askKernel', to: 'rename the machine' }],
  },
  {
    name: 'loads a module',
    theme,
    needs: ['root', 'module loading'],
    attack: [{ do: 'askKernel', to: 'load a module' }],
    confesses: 'ENOEXEC',
  },
  {
    name: 'loads another kernel',
    theme,
    needs: ['root', 'kexec'],
    attack: [{ do: 'askKernel', to: 'load a kernel' }],
    confesses: 'EINVAL',
  },
]

export const kernelAttempts: readonly Attempt[] = [...families, ...calls, ...shared, ...owners]

function family(name: string, number: number, ...needs: Need[]): Attempt {
  return holding(name, { do: 'holdFamilies', families: [number] }, `a socket of family ${number}`, ...needs)
}

function holding(name: string, step: Step, shows: string, ...needs: Need[]): Attempt {
  return { name, theme, needs, attack: [step], shows: shows.startsWith('a ') ? shows : `held: ${shows}` }
}
