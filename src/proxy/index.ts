// Door of the proxy room.
export { createDataPlane, type DataPlane, type DataPlaneOptions } from './data-plane.ts'
export type { Judge } from './context.ts'
export type { FlowSink } from './flow-recorder.ts'
export type { Limits } from './limits.ts'
export { relayCluster, relayJudge } from './relay.ts'
