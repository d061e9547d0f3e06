// Prints what is wrong with the declarations, each time it appears and not as long as it lasts.
import type { Issue } from '../api/index.ts'
import { formatIssue } from '../config/index.ts'
import type { Rejection } from '../runtime/index.ts'
import { configIssue } from '../telemetry/index.ts'

/** Nobody reads more warnings at one time; `analyze` lists them all. Errors are all printed. */
const mostWarnings = 20

/** All that is wrong, as far as it is told. */
export interface Said {
  /** By who says it: always as many lists. */
  readonly issues: readonly (readonly Issue[])[]
  readonly rejected: readonly Rejection[]
}

/** Prints each issue when it appears, and again only after it had gone. */
export function issueReporter(quiet: boolean): (said: Said) => void {
  let known = new Set<string>()
  let last: Said | undefined
  return (said) => {
    const isKnown = isSame(last, said)
    last = said
    if (isKnown) return
    const now = new Set<string>()
    let warnings = 0
    for (const issue of said.issues.flat()) {
      const key = `${issue.code} ${issue.source} ${issue.path} ${issue.message}`
      now.add(key)
      if (known.has(key)) continue
      if (issue.level === 'error' || warnings++ < mostWarnings) print(issue)
      // Its place costs something to find.
      if (configIssue.hasSubscribers)
        configIssue.publish({ level: issue.level, code: issue.code, message: issue.message, ...placeOf(issue) })
    }
    if (warnings > mostWarnings) {
      const left = warnings - mostWarnings
      const what = left === 1 ? 'one more warning' : `${left} more warnings`
      process.stderr.write(`sallyport: ${what} of the declarations: \`sallyport analyze -f PATH\` lists all\n`)
    }
    for (const rejection of quiet ? [] : said.rejected) {
      const text = `${rejection.resource} ${rejection.path}: ${rejection.message}`
      now.add(text)
      if (!known.has(text)) process.stderr.write(`sallyport: not carried out, and refused: ${text}\n`)
    }
    known = now
  }
}

/** Nearly always nothing is said that was not said of the configuration before: a list of a thousand is then the same list. */
function isSame(a: Said | undefined, b: Said): boolean {
  if (a === undefined || a.rejected.length + b.rejected.length > 0) return false
  return b.issues.every((list, i) => list === a.issues[i] || list.length + (a.issues[i]?.length ?? 0) === 0)
}

function print(issue: Issue): void {
  process.stderr.write(`${formatIssue(issue, { color: process.stderr.isTTY && process.env['NO_COLOR'] === undefined })}\n`)
}

function placeOf({ source, place }: Issue): { readonly place?: string } {
  return place === undefined || place.line === 0 ? {} : { place: `${source}:${place.line}:${place.column}` }
}
