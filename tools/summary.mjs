// Prints how a test run ended, `N passed, N failed` on the last line, from the JSON report of vitest and its exit code; exits 1 unless all is well.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

const [reportPath, exitCode, tallyPath, countsPath] = process.argv.slice(2)
if (reportPath === undefined || exitCode === undefined) {
  process.stderr.write('usage: node tools/summary.mjs REPORT.json EXIT_CODE [FLOWS.jsonl [COUNTS.txt]]\n')
  process.exit(2)
}

const mostLines = 12
const report = readReport(reportPath)
const { passed, failed, skipped } = count(report)
// A run that failed without a failed test (an unhandled error, a killed worker, a build that broke) must not look like a good one.
if (countsPath !== undefined && existsSync(countsPath)) process.stdout.write(readFileSync(countsPath, 'utf8'))
const isBalanced = tallyPath === undefined || sayFlows(tallyPath)
sayFailures(report)
const shown = (failed === 0 && exitCode !== '0' ? 1 : failed) + (isBalanced ? 0 : 1)
if (skipped > 0) process.stdout.write(`${skipped} skipped\n`)
process.stdout.write(`${passed} passed, ${shown} failed\n`)
process.exitCode = shown > 0 || passed === 0 ? 1 : 0

/** Every flow that any sidecar or gateway of the run opened has ended in one record. */
function sayFlows(path) {
  const lines = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
  const tallies = lines.map((line) => JSON.parse(line))
  const sum = (name) => tallies.reduce((total, tally) => total + tally[name], 0)
  process.stdout.write(`${sum('opened')} flows opened, ${sum('recorded')} recorded, by ${tallies.length} processes\n`)
  // Nothing counted holds nothing: where everything must run, that is a failure too.
  if (tallies.length === 0) return process.env.CI !== 'true'
  return tallies.every((tally) => tally.opened === tally.recorded)
}

/** The report, or nothing when the run ended before it was written whole. */
function readReport(path) {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    process.stderr.write(`${path} is not a whole report: ${error.message}\n`)
    return undefined
  }
}

/** Once more where a person looks first: a log of a whole run is long, and often only its end is kept. */
function sayFailures(report) {
  for (const { name, message, assertionResults } of report?.testResults ?? []) {
    const failures = assertionResults.filter(({ status }) => status === 'failed')
    for (const { fullName, failureMessages } of failures) say(`${relative('', name)}: ${fullName}`, failureMessages.join('\n'))
    if (failures.length === 0 && message) say(relative('', name), message)
  }
}

function say(what, why) {
  const lines = why.split('\n').slice(0, mostLines)
  process.stdout.write(`FAILED ${what}\n${lines.map((line) => `  ${line}\n`).join('')}`)
}

function count(report) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 }
  // A file that could not be loaded has no tests to count.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}
