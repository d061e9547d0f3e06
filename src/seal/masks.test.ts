// Holds what the plan of masks covers, keeps and makes read-only.
import { describe, expect, test } from 'vitest'
import { type MaskFacts, type MaskStep, planKept, planMasks, planRoot, planSocketMasks, unseenTrees } from './masks.ts'
import type { Mount } from './mount-info.ts'

const root: Mount = { device: '8:1', root: '/', point: '/', options: ['rw'], type: 'ext4' }
const plain: MaskFacts = {
  mounts: [root],
  hostSockets: [],
  expose: [],
  readOnly: [],
  hidden: [],
  pins: [],
  privateTmp: false,
  resolvConf: 'nameserver 127.0.0.1\n',
  hasOwnVarRun: false,
  hasTtyGroup: false,
  inUse: ['/home/ann'],
}

function mount(type: string, point: string): Mount {
  return { device: '0:99', root: '/', point, options: ['rw'], type }
}

function shown(facts: Partial<MaskFacts>): string[] {
  return planMasks({ ...plain, ...facts }).map((step) => `${step.do} ${step.at}`)
}

describe('always', () => {
  const cases: Record<string, string> = {
    '/run is empty': 'tmpfs /run',
    '/dev has nothing of the machine': 'tmpfs /dev',
    'terminals are its own': 'terminals /dev/pts',
    'shared memory is its own': 'tmpfs /dev/shm',
    'kernel settings are read-only': 'read-only /proc/sys',
    'sysrq is read-only': 'read-only /proc/sysrq-trigger',
    'all of /sys is read-only': 'read-only /sys',
    'kernel memory is covered': 'cover /proc/kcore',
    'the seal’s own files cannot be written': 'freeze /run/.sallyport',
  }
  test.each(Object.entries(cases))('%s', (_name, step) => {
    expect(shown({})).toContain(step)
  })

  test.each(unseenTrees)('nothing of the outside is ever seen in %s, whenever it is made there', (tree) => {
    expect(shown({ privateTmp: false })).toContain(`tmpfs ${tree}`)
  })

  test('no device but the harmless ones is shown', () => {
    const devices = planMasks(plain).flatMap((step) =>
      step.do === 'bind' && step.at.startsWith('/dev/') && !step.optional ? [step.at] : [],
    )
    expect(devices).toEqual(['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty'])
    expect(shown({}).some((step) => /vsock|vhost|sda|mem|uinput|tun|usb/.test(step))).toBe(false)
  })
})

describe('sockets outside', () => {
  const cases: Record<string, { facts: Partial<MaskFacts>; covered: readonly string[] }> = {
    'are covered where they are': { facts: { hostSockets: ['/tmp/tmux-1000/default'] }, covered: ['/tmp/tmux-1000/default'] },
    'need no cover in /run, which is empty': { facts: { hostSockets: ['/run/docker.sock', '/run/user/1000/bus'] }, covered: [] },
    'need none in an own /tmp': {
      facts: { hostSockets: ['/tmp/.X11-unix/X0', '/home/ann/s'], privateTmp: true },
      covered: ['/home/ann/s'],
    },
    'stay when they are exposed': { facts: { hostSockets: ['/tmp/a', '/tmp/b'], expose: ['/tmp/a'] }, covered: ['/tmp/b'] },
    'stay when their directory is exposed': { facts: { hostSockets: ['/tmp/.X11-unix/X0'], expose: ['/tmp/.X11-unix'] }, covered: [] },
    'are covered at every path that shows them': {
      facts: { hostSockets: ['/data/s'], mounts: [root, { ...root, root: '/data', point: '/mnt/data' }] },
      covered: ['/data/s', '/mnt/data/s'],
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { facts, covered }) => {
    expect(planSocketMasks(facts.hostSockets ?? [], { ...plain, ...facts }).map((step) => step.at)).toEqual(covered)
    for (const path of covered) expect(shown(facts)).toContain(`cover ${path}`)
  })
})

describe('mounts elsewhere', () => {
  const cases: Record<string, { mounts: readonly Mount[]; step?: string; never?: string }> = {
    'a second /proc shows processes outside: covered': { mounts: [mount('proc', '/srv/jail/proc')], step: 'cover /srv/jail/proc' },
    'a second /dev has block devices: covered': { mounts: [mount('devtmpfs', '/srv/jail/dev')], step: 'cover /srv/jail/dev' },
    'an automounter asks servers by name: covered': { mounts: [mount('autofs', '/net')], step: 'cover /net' },
    'an automounter of the home directory is left alone': { mounts: [mount('autofs', '/home')], never: 'cover /home' },
    'control groups elsewhere are read-only': { mounts: [mount('cgroup2', '/cgroup')], step: 'read-only /cgroup' },
    'an ordinary file system is left alone': { mounts: [mount('ext4', '/data')], never: 'read-only /data' },
    'what is below /proc goes with it': { mounts: [mount('proc', '/proc')], never: 'cover /proc' },
  }
  test.each(Object.entries(cases))('%s', (_name, { mounts, step, never }) => {
    const steps = shown({ mounts: [root, ...mounts] })
    if (step !== undefined) expect(steps).toContain(step)
    if (never !== undefined) expect(steps).not.toContain(never)
  })
})

describe('what the user asks for', () => {
  test('an exposed path in /run is shown again, after /run was emptied', () => {
    const steps = shown({ expose: ['/run/docker.sock'] })
    expect(steps.indexOf('bind /run/docker.sock')).toBeGreaterThan(steps.indexOf('tmpfs /run'))
  })

  test('an exposed directory takes what is exposed inside it along', () => {
    expect(shown({ expose: ['/run/a', '/run/a/b'] }).filter((step) => step.startsWith('bind /run/a'))).toEqual(['bind /run/a'])
  })

  test('an exposed device is shown', () => {
    expect(shown({ expose: ['/dev/snd'] })).toContain('bind /dev/snd')
  })

  test('read-only paths come last, over everything else', () => {
    expect(shown({ readOnly: ['/home/ann'], hostSockets: ['/home/ann/s'] }).at(-1)).toBe('read-only /home/ann')
  })

  test('directories above a read-only path are pinned first, from the top, unless they are mounts already', () => {
    const steps = shown({
      readOnly: ['/home/ann/plans/mesh'],
      pins: ['/home/ann/plans', '/home/ann', '/home'],
      mounts: [root, mount('ext4', '/home')],
    })
    expect(steps.slice(-3)).toEqual(['pin /home/ann', 'pin /home/ann/plans', 'read-only /home/ann/plans/mesh'])
  })

  test('an own /tmp is two', () => {
    expect(shown({ privateTmp: true })).toEqual(expect.arrayContaining(['tmpfs /tmp', 'tmpfs /var/tmp']))
    expect(shown({})).not.toContain('tmpfs /tmp')
  })
})

describe('names', () => {
  test('resolv.conf is ours, wherever its link leads', () => {
    const steps = planMasks({ ...plain, resolvConfPath: '/run/systemd/resolve/stub-resolv.conf' })
    expect(steps).toContainEqual({
      do: 'bind',
      from: '/run/.sallyport/resolv.conf',
      at: '/run/systemd/resolve/stub-resolv.conf',
    } satisfies MaskStep)
    expect(steps).toContainEqual({ do: 'file', at: '/run/.sallyport/resolv.conf', text: plain.resolvConf } satisfies MaskStep)
  })

  test('the hosts file is a copy: the sidecar reads the real one', () => {
    const steps = planMasks({ ...plain, hosts: '127.0.0.1 localhost\n' })
    const file = steps.find((step) => step.do === 'file' && step.text === '127.0.0.1 localhost\n')
    expect(steps).toContainEqual({ do: 'bind', from: file?.at ?? '', at: '/etc/hosts' } satisfies MaskStep)
  })

  test('what a change outside could take away is kept: names, pins and read-only paths', () => {
    const facts = { ...plain, hosts: '', resolvConfPath: '/etc/resolv.conf', readOnly: ['/srv/mesh'], pins: ['/srv'] }
    expect(planKept(facts).map((step) => `${step.do} ${step.at}`)).toEqual([
      'bind /etc/resolv.conf',
      'bind /etc/hosts',
      'pin /srv',
      'read-only /srv/mesh',
    ])
  })

  test('the directory of XDG_RUNTIME_DIR exists and is empty', () => {
    const runtimeDirectory = { path: '/run/user/1000', owner: { uid: 1000, gid: 1000 } }
    expect(planMasks({ ...plain, runtimeDirectory })).toContainEqual({
      do: 'directory',
      at: '/run/user/1000',
      mode: 0o700,
      owner: runtimeDirectory.owner,
    } satisfies MaskStep)
  })
})

describe('a root directory of its own', () => {
  const given = { path: '/srv/root', isWritable: false, hasAuthorities: false }
  const place = '/run/.sallyport-root'
  const plan = (root: object = {}, facts: Partial<MaskFacts> = {}) => planRoot({ ...given, ...root }, { ...plain, ...facts })

  test('is mounted on, or changed, nowhere: every step is in a directory of the seal', () => {
    expect(
      plan({ authorities: '/etc/bundle' }, { hosts: '', expose: ['/run/app.sock'] }).filter(({ at }) => !at.startsWith('/run/.sallyport-')),
    ).toEqual([])
  })

  test('shows what it has but in the places of what the seal makes, and cannot be added to', () => {
    const steps = plan({}, { hosts: '127.0.0.1 localhost' })
    expect(steps.flatMap((step) => (step.do === 'entries' ? [step.except] : []))).toEqual([
      ['dev', 'etc', 'proc', 'run', 'sys', 'tmp'],
      ['resolv.conf', 'hosts'],
    ])
    for (const path of ['dev', 'proc', 'sys']) expect(steps).toContainEqual({ do: 'bind', from: `/${path}`, at: `${place}/${path}` })
    expect(steps.at(-1)).toEqual({ do: 'freeze', at: place })
  })

  test('can be written to only where that was said', () => {
    const trees = (root: object) => plan(root).flatMap((step) => (step.do === 'tree' ? [[step.from, step.isWritable]] : []))
    expect(trees({})).toEqual([['/srv/root', false]])
    expect(trees({ isWritable: true })).toEqual([['/srv/root', true]])
  })

  test('has the certificates that the machine trusts where it has none', () => {
    const bundle = { do: 'bind', from: '/etc/bundle', at: `${place}/etc/ssl/certs/ca-certificates.crt` }
    expect(plan({ authorities: '/etc/bundle' })).toContainEqual(bundle)
    expect(plan({ authorities: '/etc/bundle', hasAuthorities: true })).not.toContainEqual(bundle)
  })

  test('has sockets of the outside covered in it too, also later ones', () => {
    const mounts = [root, { ...root, root: '/srv/tree/data', point: `${place}/data` }]
    const covered = planSocketMasks(['/srv/tree/data/app.sock'], { ...plain, mounts }).map(({ at }) => at)
    expect(covered).toEqual(['/srv/tree/data/app.sock', `${place}/data/app.sock`])
  })
})
