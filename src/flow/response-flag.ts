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
} as const satisfies Record<string, string>

export type ResponseFlag = keyof typeof responseFlags
