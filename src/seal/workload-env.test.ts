// Holds which variables the workload does not get.
import { expect, test } from 'vitest'
import { chooseEnvironment } from './workload-env.ts'

const cases: Record<string, { env: Record<string, string>; expose?: readonly string[]; dropped: readonly string[] }> = {
  'ordinary variables stay': { env: { PATH: '/bin', HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000', TERM: 'xterm' }, dropped: [] },
  'agents that sign': {
    env: { SSH_AUTH_SOCK: '/tmp/ssh-x/agent.1', SSH_AGENT_PID: '1', GPG_AGENT_INFO: '/x:1:1' },
    dropped: ['GPG_AGENT_INFO', 'SSH_AGENT_PID', 'SSH_AUTH_SOCK'],
  },
  'the session bus, which starts programs outside': {
    env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus' },
    dropped: ['DBUS_SESSION_BUS_ADDRESS'],
  },
  screens: { env: { DISPLAY: ':0', WAYLAND_DISPLAY: 'wayland-0' }, dropped: ['DISPLAY', 'WAYLAND_DISPLAY'] },
  'terminal multiplexers, which type into other shells': {
    env: { TMUX: '/tmp/tmux-1000/default,1,0', STY: '1.pts' },
    dropped: ['STY', 'TMUX'],
  },
  'editors, which open files and run tasks': {
    env: { VSCODE_IPC_HOOK_CLI: '/run/user/1/x.sock', VSCODE_GIT_IPC_HANDLE: '/run/x', GIT_ASKPASS: '/usr/share/code/askpass.sh' },
    dropped: ['GIT_ASKPASS', 'VSCODE_GIT_IPC_HANDLE', 'VSCODE_IPC_HOOK_CLI'],
  },
  'an askpass of somebody else stays': { env: { GIT_ASKPASS: '/usr/bin/ksshaskpass' }, dropped: [] },
  'a container engine by socket': { env: { DOCKER_HOST: 'unix:///run/docker.sock' }, dropped: ['DOCKER_HOST'] },
  'a container engine by TCP is a matter of policy': { env: { DOCKER_HOST: 'tcp://10.0.0.1:2376' }, dropped: [] },
  'any variable whose value is a socket address': { env: { MY_DAEMON: 'unix:/var/lib/x.sock' }, dropped: ['MY_DAEMON'] },
  'service managers': {
    env: { NOTIFY_SOCKET: '@/x', LISTEN_FDS: '1', LISTEN_PID: '1' },
    dropped: ['LISTEN_FDS', 'LISTEN_PID', 'NOTIFY_SOCKET'],
  },
  'an exposed agent keeps its variables': {
    env: { SSH_AUTH_SOCK: '/tmp/ssh-x/agent.1', SSH_AGENT_PID: '1' },
    expose: ['/tmp/ssh-x/agent.1'],
    dropped: [],
  },
  'an exposed screen keeps its variable': { env: { DISPLAY: ':0.0' }, expose: ['/tmp/.X11-unix'], dropped: [] },
  'an exposed bus keeps its variable': {
    env: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus,guid=1' },
    expose: ['/run/user/1000/bus'],
    dropped: [],
  },
  'another exposed path keeps nothing': { env: { SSH_AUTH_SOCK: '/tmp/a' }, expose: ['/tmp/ab'], dropped: ['SSH_AUTH_SOCK'] },
}

test.each(Object.entries(cases))('%s', (_name, { env, expose = [], dropped }) => {
  const chosen = chooseEnvironment(env, expose)
  expect(chosen.dropped).toEqual(dropped)
  expect(Object.keys(chosen.env).sort()).toEqual(
    Object.keys(env)
      .filter((name) => !dropped.includes(name))
      .sort(),
  )
})
