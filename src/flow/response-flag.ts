// Lists Envoy's response flags that egress traffic can end with, so that logs and metrics use the words operators know.

/** Envoy's short flags (`%RESPONSE_FLAGS%`); `-` means none. Several are joined by commas (`URX,UF`). */
export const responseFlags = {
  '-': 'none',
  UH: 'no healthy upstream',
  UF: 'upstream connection failure',
  'UF,URX': 'upstream connection failure after all TCP connection attempts',
  'URX,UF': 'upstream connection failure after all HTTP attempts',
  URX: 'retry or connect attempt limit exceeded',
  NR: 'no route or no filter chain',
  NC: 'upstream cluster not found',
  UT: 'upstream request timeout',
  UC: 'upstream connection termination',
  UR: 'upstream reset',
  UPE: 'upstream protocol error',
  DPE: 'downstream protocol error',
  DC: 'downstream connection termination',
  SI: 'stream idle timeout',
  UO: 'upstream overflow',
  DT: 'duration timeout',
  OM: 'turned away by the overload manager',
  'URX,UT': 'upstream request timeout after all HTTP attempts',
  'URX,UC': 'upstream connection termination after all HTTP attempts',
  'URX,UPE': 'upstream protocol error after all HTTP attempts',
  FI: 'answered by an injected fault',
  DI: 'delayed by an injected fault; stands ahead of the flag that the request ended with',
} as const satisfies Record<string, string>

type EndFlag = keyof typeof responseFlags

/** A delay that a fault injects is told beside the end that the request came to, as `DI,FI` or `DI,UF`. */
export type ResponseFlag = EndFlag | `DI,${Exclude<EndFlag, '-' | 'DI'>}`
