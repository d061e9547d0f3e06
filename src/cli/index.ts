// Door of the cli room.
export { exitCodeTexts } from './exit-codes.ts'
export { describeCommands, runCli } from './program.ts'
export type { ApiOptions, GatewayOptions, JoinOptions, PolicyOptions, ProxyOptions, Roles, RunOptions, ServeOptions } from './roles.ts'
