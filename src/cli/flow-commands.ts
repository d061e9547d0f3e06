// Builds the commands that show flows: `flows`, whose filters keep their order on the command line, and `top`.
import { type Command, Option } from 'commander'
import { examples, sub } from './command-parts.ts'
import type { FilterName, FilterTerm } from './flows/record-filter.ts'
import type { Values } from './values.ts'

type Finish = (code: number) => void

// Stands here, and not with the filters themselves, because help loads no command.
const filterHelp: Record<FilterName, readonly [value: string, text: string]> = {
  verdict: ['allow|deny', 'flows that were allowed, or refused'],
  'from-workload': ['ns/name', 'flows of this workload; * stands for any characters'],
  'to-fqdn': ['name', 'flows to this host, as *.example.com'],
  port: ['port', 'flows to this port'],
  sni: ['name', 'TLS with this server name'],
  'http-status': ['code', 'requests that were answered so: 403, 4xx'],
  reason: ['code', 'flows with this reason code'],
  policy: ['kind/ns/name', 'flows that this declaration decided, as ServiceEntry/shop/*'],
  path: ['way', 'flows that went this way: direct, gateway, passthrough or none'],
}

const groupNames = ['host', 'workload', 'reason', 'policy', 'port', 'path', 'verdict']
const sourcesText = 'files that --flows wrote, - for standard input, admin addresses of running proxies'

export function flowsCommand(finish: Finish): Command {
  const command = sub('flows', 'prints the newest flows, one a line, and follows them')
    .argument('<source...>', sourcesText)
    .option('-f, --follow', 'goes on with each flow as it ends')
    .option('--last <n>', 'how many of the newest: a number, or all (default: 20, or all since --since)')
    .option('--since <time>', 'nothing older: 5m, 1h30m, 2d, or a date')
    .addOption(
      new Option('-o, --output <format>', 'how it is printed').choices(['compact', 'wide', 'table', 'json', 'jsonl']).default('compact'),
    )
    .option('--explain <id>', 'all that is known of this flow, at both hops')
    .option('--stats', 'adds the flows up by host')
    .addOption(new Option('--group-by <what>', 'adds the flows up').choices(groupNames))
  const terms = filters(command)
  return command
    .addHelpText(
      'after',
      `
Filters of one name are alternatives, filters of different names all count.
${examples(
  'sallyport flows flows.jsonl',
  'sallyport flows -f --verdict deny 127.0.0.1:15000',
  "sallyport flows --since 1h --to-fqdn '*.example.com' --not --port 443 flows.jsonl",
  'sallyport flows --explain 3f1c2a9e sidecar.jsonl gateway.jsonl',
)}`,
    )
    .action(async (names: string[], values: Values) => finish(await (await import('./commands/flows.ts')).flows(names, values, terms())))
}

export function topCommand(finish: Finish): Command {
  return sub('top', 'shows live what leaves, to where, and what is refused')
    .argument('<source...>', sourcesText)
    .option('--once', 'prints it once, as it does where the output is no terminal')
    .option('--since <time>', 'begins with what is no older: 5m, 1h30m, 2d, or a date (default: 5m, or all with --once)')
    .addOption(new Option('--sort <what>', 'what stands first').choices(['rate', 'flows', 'denied', 'bytes', 'p95']).default('rate'))
    .option('--rows <n>', 'rows of each table with --once', '20')
    .addOption(new Option('-o, --output <format>', 'how it is printed once').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Keys: 1 to 4 or Tab for the view, s for the order, space to pause, q to quit.
${examples('sallyport top 127.0.0.1:15000', 'sallyport top --once --since 1h --sort denied flows.jsonl')}`,
    )
    .action(async (names: string[], values: Values) => finish(await (await import('./commands/top.ts')).top(names, values)))
}

/** Negates the next filter, so the order in which options stand has to be kept. */
function filters(command: Command): () => readonly FilterTerm[] {
  const terms: FilterTerm[] = []
  let isNegated = false
  command.option('--not', 'negates the next filter')
  command.on('option:not', () => {
    isNegated = true
  })
  const names = Object.keys(filterHelp).filter((name): name is FilterName => Object.hasOwn(filterHelp, name))
  for (const name of names) {
    const [value, text] = filterHelp[name]
    command.addOption(
      new Option(`--${name} <${value}>`, text).argParser((given: string) => {
        terms.push({ name, value: given, isNegated })
        isNegated = false
        return given
      }),
    )
  }
  return () => {
    if (isNegated) command.error('error: --not negates the next filter, and none follows')
    return terms
  }
}
