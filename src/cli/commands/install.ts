// `sallyport install` and `upgrade`: bring settings of the mesh into the server that is running.
import type { Change } from '../install/mesh-config-map.ts'
import { applySettings } from '../install/mesh-config-map.ts'
import { collectSettings } from '../install/settings.ts'
import { withServer } from '../server/open-server.ts'
import { exitCodes } from '../exit-codes.ts'
import { listOf, type Values } from '../values.ts'

export async function install(values: Values): Promise<number> {
  const { settings, warnings } = collectSettings(listOf(values, 'filename'), listOf(values, 'set'))
  const isDryRun = values['dryRun'] === true
  for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`)
  const { server, applied } = await withServer(values, async (api) => ({
    server: api.server,
    applied: await applySettings(api, settings, isDryRun),
  }))
  for (const warning of applied.warnings) process.stderr.write(`Warning: ${warning}\n`)
  for (const change of applied.changes) process.stdout.write(`${describe(change)}\n`)
  const how = isDryRun ? ' (server dry run)' : ''
  process.stdout.write(`configmap/istio in istio-system ${applied.outcome}${how} at ${server}\n`)
  return exitCodes.ok
}

function describe({ name, before, now }: Change): string {
  return `${name}: ${before === undefined ? 'not set' : told(before)} → ${told(now)}`
}

function told(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
