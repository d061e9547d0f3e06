// Builds the commands about the configuration that proxies are given: who serves it, what is in it, and who has it.
import type { Command } from 'commander'
import { examples, policyOptions, sub } from './command-parts.ts'
import type { Roles } from './roles.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

export function serveCommand(roles: Roles, finish: Finish): Command {
  const command = sub('serve', 'serves what the files declare to proxies, over xDS (ADS)')
  policyOptions(command)
  return command
    .requiredOption('--xds <addr>', 'where: HOST:PORT, or the path of a Unix socket')
    .option('--debounce-after <duration>', 'how long files have to be quiet before a change is read', '20ms')
    .option('--debounce-max <duration>', 'how long a change is waited for at the most', '500ms')
    .addHelpText(
      'after',
      examples(
        'sallyport serve -f policy/ --xds /run/sallyport/xds.sock',
        'sallyport serve -f policy/ --xds 127.0.0.1:15010',
        'sallyport run --xds 127.0.0.1:15010 -- curl -sS http://d2iq.com/',
      ),
    )
    .action(async (values: Values) => finish(await (await import('./commands/serve.ts')).serve(values, roles)))
}
