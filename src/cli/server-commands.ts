// Builds the commands that speak to a running API server: what it is set to, and what people put before `kubectl apply`.
import { type Command, Option } from 'commander'
import { examples, list, serverOption, sub } from './command-parts.ts'
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

export function kubeInjectCommand(finish: Finish): Command {
  return sub('kube-inject', 'prints manifests with the sidecar in their Pods, as istioctl does')
    .addOption(list('-f, --filename <path>', 'file with manifests; - is standard input (repeatable)'))
    .option('-o, --output <file>', 'where the result goes (default: standard output)')
    .option('--image <name>', 'the image of the sidecar (default: HUB/proxyv2:TAG)')
    .option('--hub <name>', 'where that image is (default: "sallyport")')
    .option('--tag <tag>', 'its tag (default: this version)')
    .addHelpText(
      'after',
      examples(
        'kubectl apply -f <(sallyport kube-inject -f busybox.yaml)',
        'cat pods.yaml | sallyport kube-inject -f - --hub istio --tag 1.27.1',
      ),
    )
    .action(async (values: Values) => finish((await import('./commands/kube-inject.ts')).kubeInject(values)))
}

export function experimentalCommand(finish: Finish): Command {
  const experimental = sub('x', 'istioctl’s experimental commands').alias('experimental')
  const describe = sub('describe', 'says what governs a workload')
  describe.addCommand(
    serverOption(sub('pod', 'says which declarations govern a Pod, and which way its declared traffic goes'))
      .argument('<name[.namespace]>', 'the Pod')
      .option('-n, --namespace <ns>', 'its namespace', 'default')
      .addHelpText('after', examples('sallyport x describe pod busybox.default'))
      .action(async (name: string, values: Values) => finish(await (await import('./commands/describe-pod.ts')).describePod(name, values))),
  )
  return experimental.addCommand(describe)
}

export function versionCommand(finish: Finish): Command {
  return serverOption(sub('version', 'prints the version of this program, of the server and of its proxies'))
    .option('--short', 'as istioctl has it; it is short in any case')
    .option('--remote <bool>', 'false: of this program alone', 'true')
    .addOption(new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json', 'yaml']).default('text'))
    .addHelpText('after', examples('sallyport version', 'sallyport version --remote=false -o json'))
    .action(async (values: Values) => finish(await (await import('./commands/version.ts')).version(values)))
}
