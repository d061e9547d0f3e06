// Door of the cli room.
export { exitCodeTexts } from './exit-codes.ts'
export { describeCommands, runCli } from './program.ts'
export type {
  ApiOptions,
  BackupOptions,
  GatewayOptions,
  JoinOptions,
  PolicyOptions,
  ProxyOptions,
  RestoreOptions,
  Roles,
  RunOptions,
  ServeOptions,
} from './roles.ts'
