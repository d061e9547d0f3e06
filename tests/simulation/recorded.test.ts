// Holds the translation, at strictness istio, to what a real control plane was recorded to send for the same resources.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readText } from '../../src/config/index.ts'
import { buildModel } from '../../src/model/index.ts'
import { type Proxy, translate } from '../../src/translate/index.ts'
import { keepSnapshot } from '../support/simulation.ts'
import { factsOf } from './facts.ts'
import { gateway, sidecar } from './player.ts'

const folder = join(import.meta.dirname, 'testdata', 'recorded')
const common = readFileSync(join(folder, 'common.yaml'), 'utf8')

interface Plan {
  readonly title: string
  readonly mesh: Readonly<Record<string, unknown>>
  readonly workloads?: Readonly<Record<string, Partial<Proxy>>>
  readonly gateway?: Partial<Proxy>
  /** What the real control plane said when it would not take the declarations. */
  readonly rejected?: string
}

const scenarios = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

describe.each(scenarios)('%s', (name) => {
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  const plan = JSON.parse(read('plan.json')) as Plan
  const yaml = [common, read('input.yaml'), JSON.stringify(plan.mesh)].join('\n---\n')
  const { resources, settings, issues } = readText(yaml, name, { strictness: 'istio' })
  const { rejected } = plan
  if (rejected !== undefined) {
    test(`refused: ${plan.title}`, () => {
      const said = issues.filter((issue) => issue.level === 'error').map((issue) => issue.message)
      expect(said).toContain(rejected.replace('configuration is invalid: ', ''))
    })
    return
  }
  const model = buildModel(resources, settings)
  for (const section of read('facts.txt').split(/^# /m).slice(1)) {
    const [who = '', ...lines] = section.trimEnd().split('\n')
    test(`${who}: ${plan.title}`, () => {
      const proxy = who === 'gateway' ? { ...gateway, address: '198.18.0.20', ...plan.gateway } : { ...sidecar, ...plan.workloads?.[who] }
      const { snapshot } = translate(model, proxy)
      expect(factsOf(keepSnapshot(proxy.role, snapshot)).filter((line) => isRecorded(line, lines))).toEqual(lines)
    })
  }
})

/** The recordings leave out the gateway's own Service as far as no rule leads to it. */
function isRecorded(line: string, lines: readonly string[]): boolean {
  if (line.startsWith('L 198.18.100.1_')) return false
  return !line.startsWith('C ') || !line.includes('|istio-egressgateway.istio-system') || lines.includes(line)
}
