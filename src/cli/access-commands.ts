// Builds the commands about who may join a server, and about copies of what it keeps.
import type { Command } from 'commander'
import { examples, serverOption, sub } from './command-parts.ts'
import type { Roles } from './roles.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

const data = ['--data <dir>', 'folder of the server (usually ~/.local/state/sallyport/serve)'] as const

const load = () => import('./commands/backup.ts')

export function tokenCommand(finish: Finish): Command {
  const token = sub('token', 'makes tokens by which workloads join a server')
  token.addCommand(
    serverOption(sub('create', 'prints a token that is good once, for one service account, which is made when it is not there'))
      .option('-n, --namespace <ns>', 'namespace of the service account', 'default')
      .requiredOption('--sa <name>', 'the service account')
      .option('--ttl <duration>', 'how long the token may wait to be used, a day at the most', '15m')
      .addHelpText('after', examples('sallyport token create -n shop --sa web > token'))
      .action(async (values: Values) => finish(await (await import('./commands/token.ts')).createToken(values))),
  )
  return token
}

export function backupCommand(roles: Roles, finish: Finish): Command {
  return sub('backup', 'writes all that a server keeps into FILE, whether it runs or not')
    .option(...data)
    .option('--kubeconfig <file>', 'asks this server for its objects, without its keys unless --data is named')
    .argument('<file>', 'where to; - is standard output')
    .addHelpText('after', examples('sallyport backup serve.backup', 'sallyport backup --kubeconfig ~/.kube/config - > objects.backup'))
    .action(async (file: string, values: Values) => finish(await (await load()).backup(file, values, roles)))
}

export function restoreCommand(roles: Roles, finish: Finish): Command {
  return sub('restore', 'brings a backup back, while no server runs')
    .option(...data)
    .option('--force', 'moves what is there aside')
    .argument('<file>', 'of `sallyport backup`')
    .addHelpText('after', examples('sallyport restore serve.backup', 'sallyport restore serve.backup --data /srv/sallyport --force'))
    .action(async (file: string, values: Values) => finish(await (await load()).restore(file, values, roles)))
}
