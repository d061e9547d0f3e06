// Prints how a test run ended, `N passed, N failed` on the last line, from the JSON report of vitest and its exit code; exits 1 unless all is well.
import { existsSync, readFileSync } from 'node:fs'

const [reportPath, exitCode] = process.argv.slice(2)
if (reportPath === undefined || exitCode === undefined) {
  process.stderr.write('usage: node tools/summary.mjs REPORT.json EXIT_CODE\n')
  process.exit(2)
}

const { passed, failed, skipped } = count(readReport(reportPath))
// A run that failed without a failed test (an unhandled error, a killed worker, a build that broke) must not look like a good one.
const shown = failed === 0 && exitCode !== '0' ? 1 : failed
if (skipped > 0) process.stdout.write(`${skipped} skipped\n`)
process.stdout.write(`${passed} passed, ${shown} failed\n`)
process.exitCode = shown > 0 || passed === 0 ? 1 : 0

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
