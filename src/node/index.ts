// Door of the node room.
export { readLogFile, writeLogFile } from './log-file.ts'
export { LogRing } from './log-ring.ts'
export { selectLog } from './log-session.ts'
export { PodAgent } from './pod-agent.ts'
export type { PodDescription, PodHost, PodPort } from './pod-host.ts'
