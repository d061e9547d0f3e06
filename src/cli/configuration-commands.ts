// Builds the commands about the configuration that proxies are given: who serves it, what is in it, and who has it.
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { examples, list, policyOptions, serverOption, sub } from './command-parts.ts'
import type { Roles } from './roles.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

export function serveCommand(roles: Roles, finish: Finish): Command {
  const command = sub('serve', 'serves the Kubernetes API for declarations, and what they or files declare to proxies over xDS (ADS)')
  policyOptions(command)
  return command
    .option('--ca-dir <dir>', 'where the certificate authority of the mesh is kept (default: $XDG_STATE_HOME/sallyport/ca)')
    .option('--insecure-plaintext', 'serves at an address that is not loopback, to everybody who reaches it')
    .option('--data <dir>', 'folder of the objects of the API (usually ~/.local/state/sallyport/serve)')
    .option('--listen <addr>', 'HOST:PORT of the API (usually 127.0.0.1:6443)')
    .option('--kubeconfig-out <file>', 'where the kubeconfig goes, into one that is there already as well (usually into the folder)')
    .option('--certificate-ttl <duration>', 'how long certificates are good by which workloads join, 24h at the most (usually 24h)')
    .option('--node [name]', 'runs Pods on this machine, as the node of this name (usually its host name)')
    .option('--images <file>', 'says which programs of this machine stand for further images of Pods')
    .option('--xds <addr>', 'where proxies are served: HOST:PORT, or the path of a Unix socket')
    .option('--debounce-after <duration>', 'how long declarations have to be quiet before a change is read', '20ms')
    .option('--debounce-max <duration>', 'how long a change is waited for at the most', '500ms')
    .addHelpText(
      'after',
      examples(
        'sallyport serve --kubeconfig-out ~/.kube/config --xds 127.0.0.1:15010',
        'kubectl apply -f policy/',
        'sallyport serve -f policy/ --xds /run/sallyport/xds.sock',
        'sallyport serve -f policy/ --xds 127.0.0.1:15010',
        'sallyport run --xds 127.0.0.1:15010 -- curl -sS http://d2iq.com/',
      ),
    )
    .action(async (values: Values) => finish(await (await import('./commands/serve.ts')).serve(values, roles)))
}

export function xdsCommand(finish: Finish): Command {
  const xds = sub('xds', 'shows what a node is sent: from files, or from a server')
  const load = () => import('./commands/xds.ts')
  xds.addCommand(
    nodeOptions(sub('dump', 'prints every resource'))
      .option('--type <types>', 'only these: cds,eds,lds,rds,sds,ecds')
      .addOption(format(['json', 'yaml', 'names'], 'json'))
      .addHelpText(
        'after',
        examples(
          'sallyport xds dump --node web.shop -f policy/ -o yaml',
          'sallyport xds dump --node web.shop --xds 127.0.0.1:15010 -o names',
        ),
      )
      .action(async (values: Values) => finish(await (await load()).xdsDump(values))),
  )
  xds.addCommand(
    nodeOptions(sub('diff', 'says what would be sent otherwise under -f; exit code 1 when that is anything'))
      .addOption(list('--against <path>', 'files to compare with, instead of a server (repeatable)'))
      .addOption(format(['text', 'json', 'yaml'], 'text'))
      .addHelpText(
        'after',
        examples('sallyport xds diff --node web.shop -f policy/ --xds 127.0.0.1:15010', 'sallyport xds diff -f new/ --against old/'),
      )
      .action(async (values: Values) => finish(await (await load()).xdsDiff(values))),
  )
  xds.addCommand(
    nodeOptions(sub('watch', 'prints what is sent as it comes'))
      .addOption(format(['text', 'jsonl'], 'text'))
      .addHelpText(
        'after',
        examples('sallyport xds watch --node web.shop --xds 127.0.0.1:15010', 'sallyport xds watch --node web.shop -f policy/'),
      )
      .action(async (values: Values) => finish(await (await load()).xdsWatch(values))),
  )
  return xds
}

const configKinds = ['listener', 'route', 'cluster', 'endpoint', 'secret', 'all']

/** As istioctl does, `clusters` and `c` are `cluster`, and `ep` is `endpoint`. */
function kindOf(text: string): string {
  const kind = configKinds.find(
    (one) => text === one || text === `${one}s` || text === one.slice(0, 1) || (one === 'endpoint' && text === 'ep'),
  )
  if (kind === undefined) throw new InvalidArgumentError(`Allowed choices are ${configKinds.join(', ')}.`)
  return kind
}

export function proxyConfigCommand(finish: Finish): Command {
  return nodeOptions(sub('proxy-config', 'shows the resources of a proxy, in istioctl’s columns').alias('pc'))
    .addArgument(new Argument('<what>', configKinds.join(', ')).argParser(kindOf))
    .argument('[proxy]', 'NAME[.NAMESPACE] of a proxy that the server has, or the admin address of one that runs, ours or Envoy')
    .option('--port <port>', 'only of this port')
    .option('--fqdn <host>', 'only of this host')
    .option('--name <name>', 'only of this name')
    .addOption(format(['short', 'json', 'yaml'], 'short'))
    .addHelpText(
      'after',
      examples(
        'sallyport proxy-config cluster busybox.default',
        'sallyport proxy-config cluster 127.0.0.1:15000',
        'sallyport proxy-config route --node web.shop -f policy/ --name 80 -o yaml',
        'sallyport proxy-config all --node router~istio-egressgateway.istio-system -l istio=egressgateway --xds 127.0.0.1:15010',
      ),
    )
    .action(async (what: string, proxy: string | undefined, values: Values) =>
      finish(await (await import('./commands/proxy-config.ts')).proxyConfig(what, proxy, values)),
    )
}

export function proxyStatusCommand(finish: Finish): Command {
  return serverOption(
    sub('proxy-status', 'says which proxies a server has, and what each has accepted; exit code 1 when one has refused something'),
  )
    .option('--xds <addr>', 'another server: HOST:PORT, or the path of a Unix socket')
    .addOption(format(['short', 'json', 'yaml'], 'short'))
    .addHelpText('after', examples('sallyport proxy-status', 'sallyport proxy-status --xds 127.0.0.1:15010'))
    .action(async (values: Values) => finish(await (await import('./commands/proxy-status.ts')).proxyStatus(values)))
}

function nodeOptions(command: Command): Command {
  policyOptions(command)
  return serverOption(command)
    .option('--node <node>', 'whose: NAME.NAMESPACE, router~NAME.NAMESPACE, or a node id', 'workload.default')
    .addOption(list('-l, --label <k=v>', 'label of the node (repeatable); a server knows those of the nodes that it has'))
    .option('--xds <addr>', 'asks a server instead of reading files: HOST:PORT, or the path of a Unix socket')
}

function format(choices: readonly string[], usual: string): Option {
  return new Option('-o, --output <format>', 'how it is printed').choices(choices).default(usual)
}
