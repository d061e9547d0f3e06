// Door of the cli room.
export { runCli } from './program.ts'
export type { GatewayOptions, PolicyOptions, ProxyOptions, Roles, RunOptions } from './roles.ts'
