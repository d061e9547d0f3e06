// Builds the commands that speak to a running API server: what it is set to, and what people put before `kubectl apply`.
import type { Command } from 'commander'
import { examples, list, sub } from './command-parts.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

export function installCommand(finish: Finish): Command {
  return serverOption(
    sub('install', 'changes settings of the mesh at a running server: those that --set and values files name').alias('upgrade'),
  )
    .addOption(list('--set <key=value>', 'meshConfig.…, global.outboundTrafficPolicy.mode or sallyport.… (repeatable)'))
    .addOption(list('-f, --filename <path>', 'file with values, as helm and istioctl take it; - is standard input (repeatable)'))
    .option('--dry-run', 'says what would change, and changes nothing')
    .option('-y, --skip-confirmation', 'as istioctl has it; nothing is asked in any case')
    .addHelpText(
      'after',
      examples(
        'sallyport install --set meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY',
        'sallyport upgrade --set global.outboundTrafficPolicy.mode=ALLOW_ANY --dry-run',
        'sallyport upgrade -f values.yaml',
      ),
    )
    .action(async (values: Values) => finish(await (await import('./commands/install.ts')).install(values)))
}

function serverOption(command: Command): Command {
  return command.option('--kubeconfig <file>', 'says how the server is reached (default: $KUBECONFIG, or that of a server on this machine)')
}
