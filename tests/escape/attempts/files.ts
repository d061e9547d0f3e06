// Attempts by files that are no files: knobs of the kernel, other processes' roots, devices, file handles.
import type { Attempt, Need } from '../attempt.ts'

const theme = 'files'

/** Each makes the kernel start a program outside, as root. */
const knobs: readonly Attempt[] = [
  knob('core_pattern, which names a program', '/proc/sys/kernel/core_pattern', 'core.{token}'),
  knob('the name of the program that loads modules', '/proc/sys/kernel/modprobe', '/nowhere/{token}', 'module loading'),
  knob('the name of the machine’s domain', '/proc/sys/kernel/domainname', '{token}'),
  knob('the program that hears of devices', '/sys/kernel/uevent_helper', '/nowhere/{token}', 'uevent helper'),
  knob('interpreters for files of a kind', '/proc/sys/fs/binfmt_misc/register', ':{token}:E::{token}::/bin/true:', 'binfmt'),
  {
    name: 'the magic key',
    theme,
    needs: ['root', 'sysrq'],
    attack: [{ do: 'write', path: '/proc/sysrq-trigger', text: 'h' }],
    shows: 'the kernel’s log: sysrq: HELP',
  },
  knob('the program that a control group starts when it is empty', '{cgroup}/release_agent', '/nowhere/{token}', 'cgroups'),
]

const elsewhere: readonly Attempt[] = [
  { name: 'other processes’ roots', theme, attack: [{ do: 'prowl', path: '/run/docker.sock', procs: ['/proc'] }] },
  {
    name: 'other processes’ roots, by another /proc',
    theme,
    needs: ['second /proc'],
    attack: [{ do: 'prowl', path: '/run/docker.sock', procs: ['{secondProc}'] }],
  },
  {
    name: 'other processes’ roots as another user, by another /proc',
    theme,
    needs: ['root', 'second /proc'],
    attack: [
      {
        do: 'alone',
        steps: [
          { do: 'become', uid: 65534, gid: 65534 },
          { do: 'prowl', path: '/run/docker.sock', procs: ['{secondProc}'] },
        ],
      },
    ],
  },
  {
    name: 'a hidden socket by its file handle',
    theme,
    needs: ['root'],
    attack: [{ do: 'byHandle', handle: '{handle}', type: '{handleType}', mount: '/tmp' }],
  },
  { name: 'another terminal of the same user', theme, attack: [{ do: 'writeOn', path: '{otherTerminal}' }] },
  {
    name: 'a virtual console',
    theme,
    needs: ['root', 'virtual consoles'],
    attack: [{ do: 'hold', what: 'virtual console' }],
    shows: 'held: virtual console',
  },
  {
    name: 'a disk, by a device node of its own',
    theme,
    needs: ['root'],
    attack: [{ do: 'run', argv: ['mknod', '/tmp/node{index}', 'b', '7', '0'] }],
    shows: 'a device node in /tmp',
  },
  { name: 'shared memory files', theme, attack: [{ do: 'replace', path: '/dev/shm/escape.word', text: '{token}' }] },
]

export const fileAttempts: readonly Attempt[] = [...knobs, ...elsewhere]

function knob(name: string, path: string, text: string, ...more: Need[]): Attempt {
  return { name, theme, needs: ['root', ...more], attack: [{ do: 'write', path, text }] }
}
