// Says what is to be reported of a part of a listener or route table: what is wrong with it, and which clusters it names.
import type { Problem } from './rejection.ts'

export interface Surveyed {
  /** Those to which traffic is led. */
  readonly clusters: readonly string[]
  /** By paths inside the part. */
  readonly problems: readonly Problem[]
}

export const noProblems: readonly Problem[] = []
