// `sallyport analyze`: prints every problem of the files, those across resources included.
import { analyze as findAcross } from '../../analysis/index.ts'
import { countIssues, issuesToJson } from '../../config/index.ts'
import { buildModel } from '../../model/index.ts'
import { translate } from '../../translate/index.ts'
import { readDeclarations, writeIssues } from '../declarations.ts'
import { exitCodes } from '../exit-codes.ts'
import { policyOf, textOf, UsageError, type Values } from '../values.ts'

export async function analyze(values: Values): Promise<number> {
  const policy = policyOf(values)
  if (policy.files.length === 0) throw new UsageError('SLP0002', 'nothing to analyze', { fix: 'name files or directories with -f' })
  const config = await readDeclarations(policy)
  const model = buildModel(config.resources, config.settings)
  const translated = translate(
    model,
    { role: 'sidecar', namespace: 'default', name: 'workload', labels: {} },
    { embeddedGateway: { socketDirectory: '/run/sallyport-analyze' } },
  )
  const issues = [...config.issues, ...translated.issues, ...findAcross(model)]
  if (textOf(values, 'output') === 'json') process.stdout.write(issuesToJson(issues))
  else {
    writeIssues(issues, process.stdout)
    process.stdout.write(`${countIssues(issues)} in ${policy.files.join(', ')}\n`)
  }
  return issues.some((issue) => issue.level === 'error') ? exitCodes.negative : exitCodes.ok
}
