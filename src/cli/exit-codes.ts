// Names the exit codes that scripts may rely on.

export const exitCodes = {
  ok: 0,
  /** A negative answer: denied, findings, a failed check. */
  negative: 1,
  usage: 2,
  unreachable: 3,
  badInput: 4,
  permission: 5,
  bug: 70,
  /** `run` itself failed; CMD never started or was stopped by us. */
  runFailed: 125,
} as const satisfies Record<string, number>
