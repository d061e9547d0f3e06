// Holds the reading of mountinfo and the search for other paths of one file.
import { expect, test } from 'vitest'
import { aliasesOf, flagsOf, isWithin, mountOf, parseMountInfo } from './mount-info.ts'

const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
24 22 8:2 / /home rw,nosuid,relatime shared:2 - ext4 /dev/sda2 rw
25 22 8:2 /ann/plans /srv/my\\040plans ro,relatime shared:3 master:4 - ext4 /dev/sda2 rw
26 22 8:1 /var/data /mnt/data rw,relatime - ext4 /dev/sda1 rw
27 22 0:40 / /home/bob rw,relatime - tmpfs tmpfs rw
`
const mounts = parseMountInfo(text)

test('reads points with spaces, types and options', () => {
  expect(mounts[3]).toEqual({ device: '8:2', root: '/ann/plans', point: '/srv/my plans', options: ['ro', 'relatime'], type: 'ext4' })
  expect(mounts).toHaveLength(6)
})

test('a path is on the longest mount above it', () => {
  expect(mountOf('/home/ann/x', mounts)?.point).toBe('/home')
  expect(mountOf('/home/bob/x', mounts)?.point).toBe('/home/bob')
  expect(mountOf('/homeless', mounts)?.point).toBe('/')
})

const aliases: Record<string, { path: string; others: readonly string[] }> = {
  'a directory mounted a second time shows its files twice': { path: '/home/ann/plans/a.sock', others: ['/srv/my plans/a.sock'] },
  'and the other way round': { path: '/srv/my plans/a.sock', others: ['/home/ann/plans/a.sock'] },
  'a part of the root file system, mounted elsewhere': { path: '/var/data/s', others: ['/mnt/data/s'] },
  'what the second mount does not show has one path': { path: '/home/ann/other/s', others: [] },
  'a file system of its own has one path': { path: '/home/bob/s', others: [] },
}

test.each(Object.entries(aliases))('%s', (_name, { path, others }) => {
  expect(aliasesOf(path, mounts)).toEqual(others)
})

test('the flags that a remount repeats', () => {
  expect(flagsOf(mounts[1]!)).toBe(2 | 4 | 8 | (1 << 21))
})

test('a directory is not within one that only begins alike', () => {
  expect([isWithin('/run/x', '/run'), isWithin('/run', '/run'), isWithin('/runner', '/run'), isWithin('/x', '/')]).toEqual([
    true,
    true,
    false,
    true,
  ])
})
