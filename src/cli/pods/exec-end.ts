// Reads how an exec has ended: the Status that comes as the last frame of Kubernetes' channel protocol.
import { fieldsOf, isFields, type Fields } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'

export interface ExecEnd {
  readonly code: number
  /** For standard error. */
  readonly says?: string
}

/** Undefined for bytes that are no Status. */
export function execEnd(bytes: Uint8Array): ExecEnd | undefined {
  const status = statusIn(bytes)
  if (status === undefined) return undefined
  if (status['status'] === 'Success') return { code: exitCodes.ok }
  const causes = fieldsOf(status['details'])['causes']
  const all = Array.isArray(causes) ? causes.map((cause: unknown) => fieldsOf(cause)) : []
  const code = Number(all.find(({ reason }) => reason === 'ExitCode')?.['message'])
  if (Number.isInteger(code) && code >= 0 && code <= 255) return { code, says: `command terminated with exit code ${code}` }
  const { message } = status
  return { code: exitCodes.negative, says: typeof message === 'string' ? message : 'it has failed' }
}

function statusIn(bytes: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    return isFields(value) && typeof value['status'] === 'string' ? value : undefined
  } catch {
    // Whoever asks says what that means.
    return undefined
  }
}
