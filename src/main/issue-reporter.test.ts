// Holds that what is wrong is printed when it appears, once, and not beyond what anybody reads.
import { afterEach, expect, test, vi } from 'vitest'
import type { Issue } from '../api/index.ts'
import { issueReporter } from './issue-reporter.ts'

const write = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
afterEach(() => write.mockClear())

function issue(level: Issue['level'], message: string): Issue {
  return { level, code: 'IST0106', path: 'spec', message, source: 'x.yaml' }
}

function printed(): string[] {
  return write.mock.calls.map(([text]) => String(text).split('\n')[0] ?? '')
}

test('an issue is printed when it appears, and again after it had gone', () => {
  const report = issueReporter(false)
  const said = [issue('warning', 'one')]
  for (const issues of [[said], [said], [[issue('warning', 'one')]], [[]], [said]]) report({ issues, rejected: [] })
  expect(printed()).toEqual(['warning[IST0106]: one', 'warning[IST0106]: one'])
})

test('of many warnings a few are printed and the others counted; errors are all printed', () => {
  const report = issueReporter(false)
  const warnings = Array.from({ length: 25 }, (_, i) => issue('warning', `w${i}`))
  const errors = Array.from({ length: 25 }, (_, i) => issue('error', `e${i}`))
  report({ issues: [warnings, errors], rejected: [] })
  expect(printed().filter((line) => line.startsWith('warning['))).toHaveLength(20)
  expect(printed().filter((line) => line.startsWith('error['))).toHaveLength(25)
  expect(printed().at(-1)).toBe('sallyport: 5 more warnings of the declarations: `sallyport analyze -f PATH` lists all')
})
