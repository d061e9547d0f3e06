// Reads the declarations that a one-shot command was given, and prints issues as people read them.
import type { Issue } from '../api/index.ts'
import { type ConfigSnapshot, type DeclaredObject, formatIssue, readSources } from '../config/index.ts'
import type { PolicyOptions } from './roles.ts'

/** Of the files, and of the objects beside them that are not in the files. */
export function readDeclarations(policy: PolicyOptions, beside: readonly DeclaredObject[] = []): Promise<ConfigSnapshot> | ConfigSnapshot {
  return readSources(policy.files, {
    beside,
    ...(policy.outbound === undefined ? {} : { outboundPolicy: policy.outbound }),
    ...(policy.strictness === undefined ? {} : { strictness: policy.strictness }),
  })
}

export function writeIssues(issues: readonly Issue[], stream: NodeJS.WriteStream): void {
  for (const issue of issues) stream.write(`${formatIssue(issue, { color: stream.isTTY && process.env['NO_COLOR'] === undefined })}\n`)
}
