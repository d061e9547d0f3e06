// Reads the shares of requests that faults and mirrors are for, as a number between 0 and 1.
import { type FractionalPercent, FractionalPercent_DenominatorType as Denominator } from '../xds/gen/envoy/type/v3/percent_pb.js'

/** A share that is not said is none (for Envoy's fault filter, whatever Istio's reference says of 100). */
export function shareOf(percent: FractionalPercent | undefined): number {
  if (!percent) return 0
  return Math.min(1, percent.numerator / (denominators[percent.denominator] ?? 100))
}

const denominators: Readonly<Record<Denominator, number>> = {
  [Denominator.HUNDRED]: 100,
  [Denominator.TEN_THOUSAND]: 10_000,
  [Denominator.MILLION]: 1_000_000,
}
