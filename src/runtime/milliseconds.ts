// Turns a protobuf Duration into milliseconds, never rounding a time that was said down to "no limit".
import type { Duration } from '@bufbuild/protobuf/wkt'

export function milliseconds({ seconds, nanos }: Duration): number {
  return Math.max(0, Math.ceil(Number(seconds) * 1000 + nanos / 1e6))
}
