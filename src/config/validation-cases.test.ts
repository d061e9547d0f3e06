// Holds our verdicts on single documents against those that a real istiod gave on the same documents.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readText } from './index.ts'

interface Case {
  readonly id: string
  readonly document: string
  readonly verdict: 'accepted' | 'rejected' | 'ignored'
  readonly message?: string
}

const cases = JSON.parse(readFileSync(new URL('../api/testdata/validation-cases.json', import.meta.url), 'utf8')) as readonly Case[]

/** Where Sallyport is stricter on purpose, and why. */
const stricter: Readonly<Record<string, string>> = {
  'virtualservice-unknown-field': 'an unknown field is a typing error until shown otherwise',
  'gateway-addresses-field': 'an unknown field is a typing error until shown otherwise',
  'virtualservice-match-uri-two-kinds': 'which of the two counts would be a guess',
  'kind-unknown': 'what is not known cannot be told apart from what is misspelt',
  'api-v2': 'what is not known cannot be told apart from what is misspelt',
}

/** Where the words differ because the check is made earlier, by the structure. */
const otherWords = new Set(['cannot parse proto message', 'invalid port name: ', 'port name must be set', 'invalid protocol ""'])

describe('single documents get the verdict of istiod', () => {
  for (const { id, document, verdict, message } of cases) {
    test(`${id}: ${stricter[id] ? 'refused, more strictly' : verdict}`, () => {
      const { issues, resources } = readText(document, `${id}.yaml`)
      const loaded = (
        ['ServiceEntry', 'WorkloadEntry', 'VirtualService', 'DestinationRule', 'Gateway', 'Sidecar', 'Telemetry'] as const
      ).flatMap((kind) => Array.from<unknown>(resources.of(kind)))
      const said = issues.map((issue) => `${issue.level} ${issue.code} ${issue.path}: ${issue.message}`).join('\n')
      expect(loaded.length, said).toBe(verdict === 'accepted' && !stricter[id] ? 1 : 0)
      if (verdict !== 'rejected' || message === undefined) return
      if (Array.from(otherWords).some((words) => message.includes(words))) return
      expect(said).toContain(firstOf(message))
    })
  }

  test('every case that is held more strictly is still among the cases', () => {
    expect(Object.keys(stricter).filter((id) => !cases.some((each) => each.id === id))).toEqual([])
  })
})

/** Several errors are one message to istiod: `2 errors occurred: * a * b`. */
function firstOf(message: string): string {
  const joined = /^\d+ errors? occurred: \* (.*?)(?: \* |$)/.exec(message)
  return joined?.[1] ?? message
}
