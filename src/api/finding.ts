// Says what is wrong with one resource, before it is known in which file and line it stands.
import type { IssueCode } from './issue-codes.ts'

export interface Finding {
  readonly level: 'error' | 'warning'
  readonly code: IssueCode
  /** Field path such as `spec.hosts[0]`; empty for the resource as a whole. */
  readonly path: string
  readonly message: string
  readonly fix?: string
  /** The field's name is meant rather than its value. */
  readonly at?: 'key'
  /** An error that leaves the resource loaded: the path becomes part of `Resource.unsupported`. */
  readonly unsupported?: true
}

/** Whether a resource with these findings may not be loaded. */
export function rejects(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.level === 'error' && !finding.unsupported)
}

/** Collects the findings of rules; Istio's own rules share two codes, as `istioctl analyze` has it. */
export class Report {
  readonly findings: Finding[] = []

  /** One of Istio's validation errors, in Istio's words. */
  error(path: string, message: string, fix?: string): void {
    this.add({ level: 'error', code: 'IST0106', path, message, ...(fix === undefined ? {} : { fix }) })
  }

  /** One of Istio's validation warnings, in Istio's words. */
  warning(path: string, message: string, fix?: string): void {
    this.add({ level: 'warning', code: 'IST0133', path, message, ...(fix === undefined ? {} : { fix }) })
  }

  /** An error if there is a problem to tell. */
  check(path: string, problem: string | undefined, fix?: string): void {
    if (problem !== undefined) this.error(path, problem, fix)
  }

  /** Understood, not carried out, and something hangs on it: what the field governs is denied. */
  unsupported(path: string, message: string, fix?: string): void {
    this.add({ level: 'error', code: 'SLP1201', path, message, unsupported: true, ...(fix === undefined ? {} : { fix }) })
  }

  add(finding: Finding): void {
    this.findings.push(finding)
  }
}
