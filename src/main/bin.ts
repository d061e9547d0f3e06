// The program `sallyport`: hands the command line to the CLI and says how each role is started.
import { type Roles, runCli } from '../cli/index.ts'

const roles: Roles = {
  run: async (options) => (await import('./all-in-one.ts')).runWorkload(options),
  gateway: async (options) => (await import('./gateway-node.ts')).runGateway(options),
  serve: async (options) => (await import('./configuration-server.ts')).runServer(options),
  backup: async (options) => (await import('./backup-role.ts')).runBackup(options),
  restore: async (options) => (await import('./backup-role.ts')).runRestore(options),
  doctor: async () => (await import('../seal/index.ts')).doctor(),
}

// What a role opened it has closed; a handle that a library keeps must not keep the process.
void runCli(process.argv.slice(2), roles).then((code) => process.exit(code))
