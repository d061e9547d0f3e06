// Decides which variables the workload does not get: those that name a socket or a helper outside, which the seal hides anyway.
import { isWithin } from './mount-info.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface WorkloadEnvironment {
  readonly env: Readonly<Record<string, string>>
  readonly dropped: readonly string[]
}

/** `expose` keeps a variable whose socket it keeps. */
export function chooseEnvironment(env: Environment, expose: readonly string[]): WorkloadEnvironment {
  const kept: Record<string, string> = {}
  const dropped: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (namesOutside(name, value, env) && !isExposed(socketsOf(name, value, env), expose)) dropped.push(name)
    else kept[name] = value
  }
  return { env: kept, dropped: dropped.sort() }
}

/** Variables that always name something outside. */
const named = new Set([
  'SSH_AUTH_SOCK',
  'SSH_AGENT_PID',
  'GPG_AGENT_INFO',
  'GNOME_KEYRING_CONTROL',
  'DBUS_SESSION_BUS_ADDRESS',
  'DBUS_SESSION_BUS_PID',
  'DBUS_SYSTEM_BUS_ADDRESS',
  'DBUS_STARTER_ADDRESS',
  'AT_SPI_BUS_ADDRESS',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'WAYLAND_SOCKET',
  'SESSION_MANAGER',
  'TMUX',
  'TMUX_PANE',
  'STY',
  'ZELLIJ',
  'ZELLIJ_SESSION_NAME',
  'KITTY_LISTEN_ON',
  'WEZTERM_UNIX_SOCKET',
  'ALACRITTY_SOCKET',
  'NVIM',
  'NVIM_LISTEN_ADDRESS',
  'EMACS_SOCKET_NAME',
  'I3SOCK',
  'SWAYSOCK',
  'HYPRLAND_INSTANCE_SIGNATURE',
  'NIRI_SOCKET',
  'PULSE_SERVER',
  'PIPEWIRE_REMOTE',
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
  'WSL_INTEROP',
  'REMOTE_CONTAINERS_IPC',
  'REMOTE_CONTAINERS_SOCKETS',
])

/** Families of variables of the same kind. */
const prefixes = ['VSCODE_IPC_HOOK', 'VSCODE_GIT_IPC', 'VSCODE_GIT_ASKPASS', 'CURSOR_IPC_HOOK', 'CODESPACES_IPC']

/** `unix:/run/docker.sock`, `unix:path=/run/user/1000/bus`, `fd://`: whatever the variable is called. */
const socketAddress = /^(unix(:path=|:\/\/|:)|fd:\/\/|npipe:\/\/)/

function namesOutside(name: string, value: string, env: Environment): boolean {
  if (socketAddress.test(value)) return true
  // A helper of the editor outside, which speaks to it by a socket.
  if ((name === 'GIT_ASKPASS' || name === 'SSH_ASKPASS') && env['VSCODE_GIT_IPC_HANDLE'] !== undefined) return true
  return named.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

function socketsOf(name: string, value: string, env: Environment): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'] ?? ''
  switch (name) {
    case 'DISPLAY':
      return [`/tmp/.X11-unix/X${/:([0-9]+)/.exec(value)?.[1] ?? ''}`]
    case 'WAYLAND_DISPLAY':
    case 'PIPEWIRE_REMOTE':
      return [value.startsWith('/') ? value : `${runtime}/${value}`]
    case 'TMUX':
    case 'GPG_AGENT_INFO':
      return [value.split(/[,:]/)[0] ?? '']
    case 'TMUX_PANE':
      return socketsOf('TMUX', env['TMUX'] ?? '', env)
    case 'SSH_AGENT_PID':
      return [env['SSH_AUTH_SOCK'] ?? '']
    default:
      return [value.replace(socketAddress, '').split(/[,;]/)[0] ?? '']
  }
}

function isExposed(sockets: readonly string[], expose: readonly string[]): boolean {
  return sockets.some((socket) => socket.startsWith('/') && expose.some((path) => isWithin(socket, path)))
}
