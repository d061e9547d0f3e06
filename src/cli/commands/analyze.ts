// `sallyport analyze`: prints every problem of the files and of a server's objects, those across resources included, and what its proxies have refused.
import { analyze as findAcross } from '../../analysis/index.ts'
import type { Issue } from '../../api/index.ts'
import { countIssues, type DeclaredObject, issuesToJson } from '../../config/index.ts'
import { buildModel } from '../../model/index.ts'
import { translate } from '../../translate/index.ts'
import { readDeclarations, writeIssues } from '../declarations.ts'
import { exitCodes } from '../exit-codes.ts'
import type { PolicyOptions } from '../roles.ts'
import { declaredObjectsOf } from '../server/declared-objects.ts'
import { withServer } from '../server/open-server.ts'
import { xdsTargetOf } from '../server/xds-target.ts'
import { policyOf, textOf, type Values, xdsAddressOf } from '../values.ts'
import { refusalsOf } from './proxy-status.ts'

/** Files by themselves; the server's objects where no files are named; with `--kubeconfig` both, as they would be together. */
export async function analyze(paths: readonly string[], values: Values): Promise<number> {
  const given = policyOf(values)
  const policy = { ...given, files: [...given.files, ...paths] }
  const xds = xdsAddressOf(values)
  const isOfServer = textOf(values, 'kubeconfig') !== undefined || (policy.files.length === 0 && xds === undefined)
  const server = isOfServer ? await ofServer(values) : undefined
  const issues = [
    ...(policy.files.length === 0 && server === undefined ? [] : await ofDeclarations(policy, server?.objects ?? [])),
    ...(isOfServer || xds !== undefined ? await refusalsOf(xdsTargetOf(values)) : []),
  ]
  const asked = [...policy.files, ...(server === undefined ? [] : [server.name]), ...(xds === undefined ? [] : [xds])]
  if (textOf(values, 'output') === 'json') process.stdout.write(issuesToJson(issues))
  else {
    writeIssues(issues, process.stdout)
    process.stdout.write(`${countIssues(issues)} in ${asked.join(', ')}\n`)
  }
  return issues.some((issue) => issue.level === 'error') ? exitCodes.negative : exitCodes.ok
}

function ofServer(values: Values): Promise<{ readonly name: string; readonly objects: readonly DeclaredObject[] }> {
  return withServer(values, async (api) => ({ name: api.server, objects: await declaredObjectsOf(api) }))
}

async function ofDeclarations(policy: PolicyOptions, beside: readonly DeclaredObject[]): Promise<readonly Issue[]> {
  const config = await readDeclarations(policy, beside)
  const model = buildModel(config.resources, config.settings)
  const translated = translate(
    model,
    { role: 'sidecar', namespace: 'default', name: 'workload', labels: {} },
    { embeddedGateway: { socketDirectory: '/run/sallyport-analyze' } },
  )
  return [...config.issues, ...translated.issues, ...findAcross(model)]
}
