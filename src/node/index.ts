// Door of the node room.
export { LogRing } from './log-ring.ts'
export { PodAgent } from './pod-agent.ts'
export type { PodDescription, PodHost, PodPort } from './pod-host.ts'
