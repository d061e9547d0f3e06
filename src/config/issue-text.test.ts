// Holds how issues are printed for people and for programs.
import { expect, test } from 'vitest'
import type { Issue } from '../api/index.ts'
import { countIssues, formatIssue, issuesToJson } from './index.ts'

const issue: Issue = {
  level: 'error',
  code: 'SLP1103',
  path: 'spec.resolution',
  message: 'resolution cannot be "DSN"',
  fix: 'did you mean DNS?',
  ref: { kind: 'ServiceEntry', namespace: 'team', name: 'api' },
  source: 'policies/api.yaml',
  place: { line: 9, column: 15 },
  frame: '  9 │   resolution: DSN\n    │               ^^^',
}
const bare: Issue = { level: 'warning', code: 'SLP1008', path: '', message: 'something goes on', source: 'x.yaml' }

test('for people: what, where, why and what to do', () => {
  expect(formatIssue(issue)).toBe(
    [
      'error[SLP1103]: ServiceEntry team/api: resolution cannot be "DSN"',
      '  --> policies/api.yaml:9:15   (spec.resolution)',
      '  9 │   resolution: DSN',
      '    │               ^^^',
      '  fix: did you mean DNS?',
    ].join('\n'),
  )
  expect(formatIssue(bare)).toBe('warning[SLP1008]: something goes on\n  --> x.yaml')
})

test('colours only when they are asked for', () => {
  expect(formatIssue(issue)).not.toContain('\u001B')
  expect(formatIssue(issue, { color: true })).toContain('\u001B[1;31merror[SLP1103]\u001B[0m')
  expect(formatIssue(bare, { color: true })).toContain('\u001B[1;33mwarning[SLP1008]\u001B[0m')
})

test('for programs', () => {
  expect(JSON.parse(issuesToJson([issue, bare]))).toEqual([
    {
      level: 'error',
      code: 'SLP1103',
      message: 'resolution cannot be "DSN"',
      fix: 'did you mean DNS?',
      source: 'policies/api.yaml',
      line: 9,
      column: 15,
      path: 'spec.resolution',
      ref: { kind: 'ServiceEntry', namespace: 'team', name: 'api' },
    },
    { level: 'warning', code: 'SLP1008', message: 'something goes on', source: 'x.yaml', path: '' },
  ])
})

test('counted', () => {
  expect(countIssues([issue, bare, bare])).toBe('1 error, 2 warnings')
  expect(countIssues([])).toBe('0 errors, 0 warnings')
})
