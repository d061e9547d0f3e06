// Works out which traffic policy holds for one cluster: destination, port, subset and subset's port, block by block as Istio does.
import type { TrafficPolicy } from '../api/index.ts'
import type { DestinationPolicy, FieldRef } from './destination-rules.ts'
import { fieldsUnder } from './names.ts'

type BlockName = 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'tunnel' | 'proxyProtocol' | 'retryBudget'
type Blocks = { readonly [B in BlockName]?: FieldRef & { readonly value: NonNullable<TrafficPolicy[B]> } }

export interface EffectivePolicy extends Blocks {
  /** What holds here and is not carried out. */
  readonly refused: readonly FieldRef[]
}

/** Blocks that a port-level entry replaces as a whole, also by leaving them out. */
const perPort = ['loadBalancer', 'connectionPool', 'outlierDetection', 'tls'] as const satisfies readonly BlockName[]
const blockNames: readonly BlockName[] = [...perPort, 'tunnel', 'proxyProtocol', 'retryBudget']
const nothing: EffectivePolicy = { refused: [] }

export function effectivePolicy(rule: DestinationPolicy | undefined, subsetName: string, port: number): EffectivePolicy {
  if (rule === undefined) return nothing
  const subset = rule.subsets.find((one) => one.value.name === subsetName)
  let blocks: Blocks = {}
  if (rule.trafficPolicy !== undefined) blocks = over(blocks, rule.trafficPolicy.value, rule.trafficPolicy, port)
  if (subset?.value.trafficPolicy !== undefined) {
    const at = { ref: subset.ref, field: `${subset.field}.trafficPolicy` }
    blocks = over(blocks, subset.value.trafficPolicy, at, port)
  }
  const unsupported = [...(rule.trafficPolicy?.unsupported ?? []), ...(subset?.unsupported ?? [])]
  return { ...blocks, refused: [...rule.refused, ...refusedFields(blocks, unsupported, rule, subset)] }
}

function over(below: Blocks, policy: TrafficPolicy, at: FieldRef, port: number): Blocks {
  const blocks: Record<string, FieldRef & { value: unknown }> = { ...below }
  for (const name of blockNames) {
    const value = policy[name]
    if (value !== undefined) blocks[name] = { ref: at.ref, field: `${at.field}.${name}`, value }
  }
  const settings = policy.portLevelSettings ?? []
  const index = settings.findIndex((setting) => setting.port?.number === port)
  const setting = settings[index]
  if (setting === undefined) return blocks
  for (const name of perPort) {
    const value = setting[name]
    if (value === undefined) delete blocks[name]
    else blocks[name] = { ref: at.ref, field: `${at.field}.portLevelSettings[${index}].${name}`, value }
  }
  return blocks
}

function refusedFields(
  blocks: Blocks,
  unsupported: readonly string[],
  rule: DestinationPolicy,
  subset: FieldRef | undefined,
): readonly FieldRef[] {
  if (unsupported.length === 0) return []
  const refused: FieldRef[] = []
  for (const name of blockNames) {
    const block = blocks[name]
    if (block === undefined) continue
    for (const field of fieldsUnder(unsupported, block.field)) refused.push({ ref: block.ref, field })
  }
  // What is not carried out and is none of the blocks above holds for the whole policy or subset.
  const outside = unsupported.filter((field) => !blockNames.some((name) => new RegExp(`[.]${name}\\b`).test(field)))
  for (const field of outside) refused.push({ ref: field.startsWith('spec.subsets') ? (subset?.ref ?? rule.ref) : rule.ref, field })
  return refused
}
