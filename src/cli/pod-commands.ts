// Builds the commands that do with Pods what kubectl does: `ps`, `exec`, `logs` and `rm`.
import type { Command } from 'commander'
import { examples, serverOption, sub } from './command-parts.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

export function podCommands(finish: Finish): readonly Command[] {
  return [psCommand(finish), execCommand(finish), logsCommand(finish), rmCommand(finish)]
}

function podCommand(name: string, description: string): Command {
  return serverOption(sub(name, description)).option('-n, --namespace <ns>', 'namespace of the Pod', 'default')
}

function psCommand(finish: Finish): Command {
  return podCommand('ps', 'lists the Pods of a server, in kubectl’s columns')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'with these labels, as app=web')
    .option('-o, --output <format>', 'wide: with address and node')
    .addHelpText('after', examples('sallyport ps', 'sallyport ps -A -o wide'))
    .action(async (values: Values) => finish(await (await import('./pods/list-pods.ts')).listPods(values)))
}

function execCommand(finish: Finish): Command {
  return podCommand('exec', 'executes a command in a Pod, in its seal; its exit code is the command’s')
    .option('-i, --stdin', 'passes standard input to it')
    .option('-t, --tty', 'gives it a terminal')
    .argument('<pod>', 'name of the Pod')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .addHelpText('after', examples('sallyport exec busybox -- id', 'sallyport exec -it busybox -- sh'))
    .action(async (pod: string, words: string[], values: Values) =>
      finish(await (await import('./pods/exec-in-pod.ts')).execInPod(pod, words, values)),
    )
}

function logsCommand(finish: Finish): Command {
  return podCommand('logs', 'prints what the command of a Pod has written')
    .option('-f, --follow', 'goes on with further lines')
    .option('--tail <lines>', 'the last so many lines')
    .option('--since <seconds>', 'nothing older, as 30s or 5m')
    .option('--timestamps', 'each line with its time')
    .option('--limit-bytes <n>', 'at most so many bytes')
    .argument('<pod>', 'name of the Pod')
    .addHelpText('after', examples('sallyport logs -f --tail 20 busybox'))
    .action(async (pod: string, values: Values) => finish(await (await import('./pods/pod-logs.ts')).podLogs(pod, values)))
}

function rmCommand(finish: Finish): Command {
  return podCommand('rm', 'deletes Pods: their commands are asked to end, and ended when their time is over')
    .option('--grace-period <seconds>', 'time that they are given to end')
    .argument('<pod...>', 'names of Pods')
    .addHelpText('after', examples('sallyport rm busybox', 'sallyport rm --grace-period 1 busybox'))
    .action(async (pods: string[], values: Values) => finish(await (await import('./pods/remove-pods.ts')).removePods(pods, values)))
}
