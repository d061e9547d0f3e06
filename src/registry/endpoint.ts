// Describes one thing that can be dialled for a service.
import type { WorkloadEntrySpec } from '../api/index.ts'

export interface Endpoint {
  /** An IP address, a name, or `unix://PATH`. */
  readonly address: string
  /** By port name of the service. */
  readonly ports: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly weight: number
  readonly locality: string
}

export function endpointOf(entry: WorkloadEntrySpec): Endpoint {
  return {
    address: entry.address ?? '',
    ports: entry.ports ?? {},
    labels: entry.labels ?? {},
    // Istio reads 0 as 1.
    weight: entry.weight === undefined || entry.weight === 0 ? 1 : entry.weight,
    locality: entry.locality ?? '',
  }
}

export function pipePath(address: string): string | undefined {
  return address.startsWith('unix://') ? address.slice('unix://'.length) : undefined
}

/** True when every wanted label is there; wanting nothing is satisfied by all. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false
  return true
}
