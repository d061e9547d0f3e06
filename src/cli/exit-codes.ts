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

/** Of errors that are known by their code, whoever found them. */
export const exitCodesOfErrors: Readonly<Record<string, number>> = {
  SLP0004: exitCodes.badInput,
  SLP0005: exitCodes.badInput,
  SLP6001: exitCodes.permission,
  SLP6002: exitCodes.negative,
  SLP6003: exitCodes.badInput,
  SLP6004: exitCodes.badInput,
  SLP6005: exitCodes.badInput,
  SLP6006: exitCodes.negative,
  SLP6201: exitCodes.usage,
  SLP6202: exitCodes.unreachable,
  SLP6203: exitCodes.unreachable,
  SLP6204: exitCodes.permission,
  SLP6205: exitCodes.negative,
}

/** What `docs/reference/cli.md` says of them. */
export const exitCodeTexts: Readonly<Record<number, string>> = {
  0: 'done, or the answer is yes',
  1: 'the answer is no: denied, findings, a failed check, a flow that nobody knows, something that a server refuses',
  2: 'the command line cannot be understood',
  3: 'the proxy or server that was to be asked cannot be reached',
  4: 'files that cannot be read or written, or are not valid',
  5: 'a permission is missing',
  70: 'a fault of Sallyport',
  125: '`run` itself failed, and CMD was not started or was stopped; otherwise `run` has the exit code of CMD, 126 when CMD is not executable and 127 when there is none',
}
