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
