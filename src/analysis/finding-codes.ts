// Names every finding across resources, so that a code always means the same and can be looked up.

/** Istio's code where its analyzers mean the same. */
export const findingCodes = {
  SLP1401: 'a Gateway names a host whose traffic no VirtualService sends to it: the traffic goes out directly',
  SLP1402: 'an entry of resolution NONE is routed through a gateway, which has no dialled address to hand on',
  SLP1403: 'two TCP hosts share one plain port of a gateway, which cannot tell them apart',
  SLP1404: 'a DestinationRule begins TLS at a port where clients speak TLS already',
  IST0101: 'something is referred to that does not exist',
  IST0110: 'several Sidecars select the same workloads',
  IST0111: 'several Sidecars of a namespace have no workload selector',
  IST0160: 'several Telemetries of a namespace have no workload selector',
  IST0162: 'a route leads to a port that the gateway’s Service does not have',
} as const satisfies Record<string, string>

export type FindingCode = keyof typeof findingCodes
