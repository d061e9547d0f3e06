// Runs lines of shell for the set-up of a world; the first that fails is an error.
import { execFileSync } from 'node:child_process'

export function shell(lines: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  return execFileSync('sh', ['-e', '-c', lines.join('\n')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env })
}
