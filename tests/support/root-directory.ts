// Makes a root directory of what the machine has: busybox with all its names, and the libraries that it loads.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** At a path where nothing is yet; readable by everybody. */
export function makeBusyboxRoot(path: string): void {
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  for (const name of ['bin', 'etc', 'srv']) mkdirSync(join(path, name), { recursive: true })
  for (let at = path; at.split('/').length > 2; at = dirname(at)) if (at.startsWith('/tmp/')) chmodSync(at, 0o755)
  copy(busybox, join(path, 'bin/busybox'))
  for (const library of librariesOf(busybox)) copy(library, join(path, library))
  const names = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  for (const name of names) if (name !== 'busybox') symlinkSync('/bin/busybox', join(path, 'bin', name))
  writeFileSync(join(path, 'bin/plain-script'), 'exit 5\n', { mode: 0o755 })
  writeFileSync(join(path, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n')
  writeFileSync(join(path, 'srv/greeting'), 'from the root directory\n')
}

/** None of one that is static. */
function librariesOf(program: string): readonly string[] {
  try {
    const listed = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return Array.from(listed.matchAll(/(\/\S+) \(0x/g), ([, path = '']) => path)
  } catch {
    return []
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(realpathSync(from), to)
  chmodSync(to, 0o755)
}
