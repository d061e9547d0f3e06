// `sallyport top`: a live screen of what leaves, to where and what is refused; one look at it where there is no terminal.
import { ReadStream } from 'node:tty'
import { exitCodes } from '../exit-codes.ts'
import { isWanted, read, type Tally, visitAll, type Wanted } from '../flows/collect.ts'
import { openSources } from '../flows/open-source.ts'
import { compileFilter, readSince } from '../flows/record-filter.ts'
import { isLoss, type Item } from '../flows/record-line.ts'
import type { RecordSource } from '../flows/record-source.ts'
import { layOut, layOutOnce, type ScreenState, type Sort, sorts, sortRows } from '../top/screen.ts'
import { openTerminal, type Terminal } from '../top/terminal.ts'
import { Traffic, type View, views } from '../top/traffic.ts'
import { textOf, UsageError, type Values } from '../values.ts'

const DRAW_MS = 1000

export async function top(names: readonly string[], values: Values): Promise<number> {
  const isLive = values['once'] !== true && process.stdout.isTTY && textOf(values, 'output') !== 'json'
  // A screen of what happens now needs no history of days to begin with.
  const since = textOf(values, 'since') ?? (isLive ? '5m' : undefined)
  const sort = sorts.find((each) => each === textOf(values, 'sort')) ?? 'rate'
  const wanted: Wanted = {
    filter: compileFilter([]),
    since: since === undefined ? Number.NEGATIVE_INFINITY : readSince(since, Date.now()),
    last: Number.POSITIVE_INFINITY,
  }
  return isLive ? watch(names, wanted, sort) : lookOnce(names, values, { wanted, sort })
}

async function lookOnce(names: readonly string[], values: Values, { wanted, sort }: { wanted: Wanted; sort: Sort }): Promise<number> {
  const traffic = new Traffic()
  const tally: Tally = { unreadable: 0 }
  const sources = await openSources(names, { follow: false })
  try {
    await visitAll(sources, wanted, tally, (item) => take(traffic, item))
  } finally {
    for (const source of sources) source.close()
  }
  const rows = rowsOf(values)
  const text = textOf(values, 'output') === 'json' ? asJson(traffic, sort, rows) : layOutOnce(traffic, sort, rows)
  process.stdout.write(text)
  if (tally.unreadable > 0) process.stderr.write(`sallyport: ${tally.unreadable} lines are no flow records, and left out\n`)
  return exitCodes.ok
}

function rowsOf(values: Values): number {
  const text = textOf(values, 'rows') ?? '20'
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError('SLP0002', `--rows "${text}" is not a number`, { fix: 'write --rows 20' })
  return Number(text)
}

function asJson(traffic: Traffic, sort: Sort, rows: number): string {
  const tables = Object.fromEntries(views.map((view) => [view, sortRows(traffic.rows(view, undefined), sort).slice(0, rows)]))
  return `${JSON.stringify({ totals: traffic.totals(undefined), ...tables }, undefined, 2)}\n`
}

async function watch(names: readonly string[], wanted: Wanted, sort: Sort): Promise<number> {
  const sources = await openSources(names, { follow: true })
  const traffic = new Traffic()
  const ended = new AbortController()
  const state = new Controls(sort)
  const input = process.stdin instanceof ReadStream && !names.includes('-') ? process.stdin : undefined
  const terminal = openTerminal(input, process.stdout, {
    onKey(key) {
      if (state.press(key) === 'quit') ended.abort()
      else draw(terminal, traffic, state)
    },
    onResize: () => draw(terminal, traffic, state),
  })
  const stop = (): void => ended.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, stop)
  const timer = setInterval(() => (state.isPaused ? undefined : draw(terminal, traffic, state)), DRAW_MS)
  try {
    await fill(traffic, sources, wanted)
    draw(terminal, traffic, state)
    await followAll(traffic, sources, { wanted, signal: ended.signal })
    return exitCodes.ok
  } finally {
    clearInterval(timer)
    for (const signal of signals) process.off(signal, stop)
    terminal.close()
    for (const source of sources) source.close()
  }
}

/** What is there already is not traffic of now, but says at once whom to expect. */
async function fill(traffic: Traffic, sources: readonly RecordSource[], wanted: Wanted): Promise<void> {
  await visitAll(sources, wanted, { unreadable: 0 }, (item) => take(traffic, item))
}

/** Ends with the signal; a source that ends before it leaves its numbers on the screen. */
async function followAll(
  traffic: Traffic,
  sources: readonly RecordSource[],
  { wanted, signal }: { readonly wanted: Wanted; readonly signal: AbortSignal },
): Promise<void> {
  const tally: Tally = { unreadable: 0 }
  const one = async (line: string): Promise<void> => {
    const item = read(line, tally)
    if (item !== undefined && isWanted(item, wanted)) take(traffic, item)
    return Promise.resolve()
  }
  await Promise.all(sources.map((source) => source.follow(one, signal)))
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

function take(traffic: Traffic, item: Item): void {
  if (isLoss(item)) traffic.addLoss(item.count)
  else traffic.add(item)
}

function draw(terminal: Terminal, traffic: Traffic, state: Controls): void {
  terminal.draw(layOut(traffic, state, terminal.size(), state.moment(Date.now())))
}

/** What the keys change. */
class Controls implements ScreenState {
  view: View = 'destinations'
  sort: Sort
  #pausedAt: number | undefined

  constructor(sort: Sort) {
    this.sort = sort
  }

  get isPaused(): boolean {
    return this.#pausedAt !== undefined
  }

  moment(now: number): number {
    return this.#pausedAt ?? now
  }

  press(key: string): 'quit' | 'go on' {
    const chosen = views[Number(key) - 1]
    if (key === 'q' || key === 'escape' || key === '\u0003') return 'quit'
    if (chosen !== undefined) this.view = chosen
    else if (key === 'tab') this.view = after(views, this.view)
    else if (key === 's') this.sort = after(sorts, this.sort)
    else if (key === ' ') this.#pausedAt = this.#pausedAt === undefined ? Date.now() : undefined
    return 'go on'
  }
}

function after<T>(list: readonly T[], one: T): T {
  return list[(list.indexOf(one) + 1) % list.length] ?? one
}
