// `sallyport analyze`: prints every problem of the files, those across resources included, and what the proxies of a server have refused.
import { analyze as findAcross } from '../../analysis/index.ts'
import type { Issue } from '../../api/index.ts'
import { countIssues, issuesToJson } from '../../config/index.ts'
import { buildModel } from '../../model/index.ts'
import { translate } from '../../translate/index.ts'
import { readDeclarations, writeIssues } from '../declarations.ts'
import { exitCodes } from '../exit-codes.ts'
import type { PolicyOptions } from '../roles.ts'
import { policyOf, textOf, UsageError, type Values, xdsAddressOf } from '../values.ts'
import { refusalsOf } from './proxy-status.ts'

export async function analyze(values: Values): Promise<number> {
  const policy = policyOf(values)
  const server = xdsAddressOf(values)
  if (policy.files.length === 0 && server === undefined)
    throw new UsageError('SLP0002', 'nothing to analyze', { fix: 'name files or directories with -f, or a server with --xds' })
  const issues = [...(policy.files.length === 0 ? [] : await ofFiles(policy)), ...(server === undefined ? [] : await refusalsOf(server))]
  if (textOf(values, 'output') === 'json') process.stdout.write(issuesToJson(issues))
  else {
    writeIssues(issues, process.stdout)
    process.stdout.write(`${countIssues(issues)} in ${[...policy.files, ...(server === undefined ? [] : [server])].join(', ')}\n`)
  }
  return issues.some((issue) => issue.level === 'error') ? exitCodes.negative : exitCodes.ok
}

async function ofFiles(policy: PolicyOptions): Promise<readonly Issue[]> {
  const config = await readDeclarations(policy)
  const model = buildModel(config.resources, config.settings)
  const translated = translate(
    model,
    { role: 'sidecar', namespace: 'default', name: 'workload', labels: {} },
    { embeddedGateway: { socketDirectory: '/run/sallyport-analyze' } },
  )
  return [...config.issues, ...translated.issues, ...findAcross(model)]
}
