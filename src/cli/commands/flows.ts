// `sallyport flows`: prints the newest flows of record files and running proxies, and follows them.
import { messageOf } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { collectLatest, isWanted, read, type Tally, visitAll, type Wanted } from '../flows/collect.ts'
import { formatBytes, formatColumns, formatMs } from '../flows/columns.ts'
import { FlowGroups, type Grouping, groupings } from '../flows/flow-groups.ts'
import { findStory, formatStory } from '../flows/flow-story.ts'
import { clean, formatItem, type LineFormat, tableHead } from '../flows/flow-text.ts'
import { openSources } from '../flows/open-source.ts'
import { compileFilter, type FilterTerm, readSince } from '../flows/record-filter.ts'
import { isLoss, type Item } from '../flows/record-line.ts'
import type { RecordSource } from '../flows/record-source.ts'
import { createWriter, type Writer } from '../flows/writer.ts'
import { textOf, UsageError, type Values } from '../values.ts'

type Format = LineFormat | 'json' | 'jsonl'

interface Question {
  readonly names: readonly string[]
  readonly follow: boolean
  readonly format: Format
  readonly wanted: Wanted
  readonly tally: Tally
  readonly out: Writer
}

export async function flows(names: readonly string[], values: Values, terms: readonly FilterTerm[]): Promise<number> {
  const out = createWriter(process.stdout)
  const question = readQuestion(names, values, { terms, out })
  try {
    const id = textOf(values, 'explain')
    if (id !== undefined) return await explainFlow(id, question)
    const grouping = groupingOf(values)
    if (grouping !== undefined) return await printGroups(grouping, question)
    return question.follow ? await followFlows(question) : await printFlows(question)
  } finally {
    tellUnreadable(question.tally)
  }
}

function readQuestion(names: readonly string[], values: Values, parts: { terms: readonly FilterTerm[]; out: Writer }): Question {
  const follow = values['follow'] === true
  const format = formatOf(values)
  const isWhole = values['stats'] === true || textOf(values, 'groupBy') !== undefined || textOf(values, 'explain') !== undefined
  if (textOf(values, 'explain') !== undefined && names.includes('-'))
    throw new UsageError('SLP0002', '--explain reads its sources twice, and standard input can be read once', { fix: 'name a file' })
  if (follow && isWhole)
    throw new UsageError('SLP0002', '-f does not go with --explain, --stats or --group-by', { fix: 'use sallyport top' })
  if (follow && format === 'json') throw new UsageError('SLP0002', '-f has no end, and -o json is one list', { fix: 'use -o jsonl' })
  const since = textOf(values, 'since')
  const wanted: Wanted = {
    filter: compileFilter(parts.terms),
    since: since === undefined ? Number.NEGATIVE_INFINITY : readSince(since, Date.now()),
    last: lastOf(values, since !== undefined || isWhole),
  }
  return { names, follow, format, wanted, tally: { unreadable: 0 }, out: parts.out }
}

/** Twenty, unless a time or all of them were asked for. */
function lastOf(values: Values, isAll: boolean): number {
  const text = textOf(values, 'last')
  if (text === undefined) return isAll ? Number.POSITIVE_INFINITY : 20
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError('SLP0002', `--last "${text}" is not a number`, { fix: 'write --last 100 or --last all' })
  return Number(text)
}

function formatOf(values: Values): Format {
  const format = textOf(values, 'output')
  return format === 'wide' || format === 'json' || format === 'jsonl' || format === 'table' ? format : 'compact'
}

function groupingOf(values: Values): Grouping | undefined {
  const name = textOf(values, 'groupBy') ?? (values['stats'] === true ? 'host' : undefined)
  return name !== undefined && isGrouping(name) ? name : undefined
}

function isGrouping(name: string): name is Grouping {
  return Object.hasOwn(groupings, name)
}

async function printFlows(question: Question): Promise<number> {
  const sources = await openSources(question.names, question)
  try {
    const items = await collectLatest(sources, question.wanted, question.tally)
    const printer = createPrinter(question.format, question.out)
    await printer.begin()
    for (const item of items) await printer.print(item)
    await printer.end()
    return exitCodes.ok
  } finally {
    closeAll(sources)
  }
}

async function followFlows({ names, wanted, format, tally, out }: Question): Promise<number> {
  const sources = await openSources(names, { follow: true })
  const ended = new AbortController()
  const printer = createPrinter(format, out)
  out.onClosed(() => ended.abort())
  try {
    await printer.begin()
    for (const item of await collectLatest(sources, wanted, tally)) await printer.print(item)
    const take = async (line: string): Promise<void> => {
      const item = read(line, tally)
      if (item !== undefined && isWanted(item, wanted)) await printer.print(item)
    }
    await Promise.all(sources.map((source) => source.follow(take, ended.signal)))
    return exitCodes.ok
  } finally {
    ended.abort()
    closeAll(sources)
  }
}

interface Printer {
  begin(): Promise<void>
  print(item: Item): Promise<void>
  end(): Promise<void>
}

function createPrinter(format: Format, out: Writer): Printer {
  if (format === 'json') return createListPrinter(out)
  return {
    begin: () => (format === 'table' ? out.write(`${tableHead()}\n`) : Promise.resolve()),
    print: (item) => out.write(`${format === 'jsonl' ? JSON.stringify(item) : formatItem(item, format, Date.now())}\n`),
    end: () => Promise.resolve(),
  }
}

function createListPrinter(out: Writer): Printer {
  let isFirst = true
  return {
    begin: () => out.write('['),
    print(item) {
      const text = `${isFirst ? '\n' : ',\n'}  ${JSON.stringify(item)}`
      isFirst = false
      return out.write(text)
    },
    end: () => out.write(isFirst ? ']\n' : '\n]\n'),
  }
}

async function printGroups(grouping: Grouping, { names, wanted, tally, format, out }: Question): Promise<number> {
  const groups = new FlowGroups(groupings[grouping])
  const sources = await openSources(names, { follow: false })
  try {
    if (Number.isFinite(wanted.last)) {
      for (const item of await collectLatest(sources, wanted, tally)) if (!isLoss(item)) groups.add(item)
    } else {
      await visitAll(sources, wanted, tally, (item) => {
        if (!isLoss(item)) groups.add(item)
      })
    }
  } finally {
    closeAll(sources)
  }
  await out.write(format === 'json' || format === 'jsonl' ? groupsAsJson(groups, format) : groupsAsTable(groups, grouping))
  return exitCodes.ok
}

function groupsAsJson(groups: FlowGroups, format: 'json' | 'jsonl'): string {
  const list = groups.groups()
  return format === 'json' ? `${JSON.stringify(list, undefined, 2)}\n` : list.map((group) => `${JSON.stringify(group)}\n`).join('')
}

function groupsAsTable(groups: FlowGroups, grouping: Grouping): string {
  const rows = groups
    .groups()
    .map((group) => [
      clean(group.key),
      String(group.flows),
      String(group.flows - group.denied),
      String(group.denied),
      formatBytes(group.bytesSent),
      formatBytes(group.bytesReceived),
      formatMs(group.p50),
      formatMs(group.p95),
    ])
  return formatColumns([grouping.toUpperCase(), 'FLOWS', 'ALLOWED', 'DENIED', 'SENT', 'RECEIVED', 'P50', 'P95'], rows)
}

async function explainFlow(id: string, { names, tally, format, out }: Question): Promise<number> {
  const story = await findStory(id, () => openSources(names, { follow: false }), tally)
  if (story === undefined) {
    process.stderr.write(
      `sallyport: no flow has the id ${clean(id)}\n  fix: name the files of all hops; a proxy remembers its last thousand flows\n`,
    )
    return exitCodes.negative
  }
  await out.write(format === 'json' || format === 'jsonl' ? `${JSON.stringify(story)}\n` : formatStory(story, Date.now()))
  return exitCodes.ok
}

function closeAll(sources: readonly RecordSource[]): void {
  for (const source of sources) {
    try {
      source.close()
    } catch (error) {
      process.stderr.write(`sallyport: ${source.name}: ${messageOf(error)}\n`)
    }
  }
}

function tellUnreadable({ unreadable }: Tally): void {
  if (unreadable > 0)
    process.stderr.write(`sallyport: ${unreadable} ${unreadable === 1 ? 'line is' : 'lines are'} no flow record, and left out\n`)
}
