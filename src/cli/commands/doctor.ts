// `sallyport doctor`: prints what this machine lacks, each with its remedy.
import { colors } from '../colors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Roles } from '../roles.ts'

export async function doctor(roles: Roles): Promise<number> {
  const checks = await roles.doctor()
  for (const check of checks) {
    process.stdout.write(`${check.ok ? colors.green('√') : colors.red('×')} ${check.name}: ${check.detail}\n`)
    if (!check.ok && check.fix !== undefined) process.stdout.write(`    fix: ${check.fix}\n`)
  }
  const failed = checks.filter((check) => !check.ok).length
  process.stdout.write(failed === 0 ? 'this machine can seal a workload\n' : `${failed} of ${checks.length} checks failed\n`)
  return failed === 0 ? exitCodes.ok : exitCodes.negative
}
