// Tells the objects that a server works out by itself from those that people write: by the labels that Kubernetes' own controllers put on them.
export const sliceManager = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' } as const
export const endpointsManager = { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } as const

/** Endpoints and EndpointSlices that follow from a Service and its Pods. */
export function isComputed(labels: Readonly<Record<string, unknown>> = {}): boolean {
  return managers.some(([label, value]) => labels[label] === value)
}

const managers = Object.entries({ ...sliceManager, ...endpointsManager })
