// Holds what the commands of the tree are made of: their names, repeatable options and examples.
import { Command, Option } from 'commander'

export function sub(name: string, description: string): Command {
  return new Command(name).description(description).exitOverride().showSuggestionAfterError()
}

/** An option that may be given several times. */
export function list(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value])
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`
}

/** The options by which declarations are given. */
export function policyOptions(command: Command): void {
  command
    .addOption(list('-f, --filename <path>', 'file, directory or - with declarations (repeatable)'))
    .addOption(new Option('--outbound <mode>', 'outbound policy over what the files say').choices(['REGISTRY_ONLY', 'ALLOW_ANY']))
    .addOption(new Option('--strictness <mode>', 'strict, or exactly as Istio').choices(['strict', 'istio']))
}

/** Which API server a command is about. */
export function serverOption(
  command: Command,
  what = 'says how the server is reached (default: $KUBECONFIG, or that of a server on this machine)',
): Command {
  return command.option('--kubeconfig <file>', what)
}
