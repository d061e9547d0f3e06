// Lays out what `top` shows, in lines that fit the terminal: the sums, one table, and the keys.
import { colors } from '../colors.ts'
import { formatBytes, formatMs } from '../flows/columns.ts'
import { clean } from '../flows/flow-text.ts'
import { type Row, type Traffic, type View, views } from './traffic.ts'

export const sorts = ['rate', 'flows', 'denied', 'bytes', 'p95'] as const
export type Sort = (typeof sorts)[number]

export interface ScreenState {
  readonly view: View
  readonly sort: Sort
  readonly isPaused: boolean
}

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** One frame; at most as many lines as the terminal has, each at most as wide. */
export function layOut(traffic: Traffic, state: ScreenState, size: ScreenSize, now: number): readonly string[] {
  const room = Math.max(1, size.rows - 5)
  const head = [cut(sumsOf(traffic, now), size.columns), cut(tabsOf(state), size.columns), '']
  const table = tableOf(traffic, { ...state, room, now, width: size.columns })
  const foot = cut('q quit   1-4 or Tab view   s sort   space pause', size.columns)
  const blank = Array.from({ length: Math.max(0, room + 1 - table.length) }, () => '')
  return [...head.map((line, index) => (index === 0 ? colors.bold(line) : line)), ...table, ...blank, colors.dim(foot)].slice(0, size.rows)
}

/** The same once, without a terminal: rates are over the whole time, and every line is as long as it is. */
export function layOutOnce(traffic: Traffic, sort: Sort, rows: number): string {
  const parts = [sumsOf(traffic, undefined)]
  for (const view of ['destinations', 'denials'] as const) {
    const table = tableOf(traffic, { view, sort, room: rows, now: undefined, width: undefined })
    if (table.length > 1) parts.push('', ...table)
  }
  return `${parts.join('\n')}\n`
}

export function sortRows(rows: readonly Row[], sort: Sort): readonly Row[] {
  return rows.toSorted((a, b) => valueOf(b, sort) - valueOf(a, sort) || b.flows - a.flows || (a.key < b.key ? -1 : 1))
}

function valueOf(row: Row, sort: Sort): number {
  return sort === 'bytes' ? row.bytesSent + row.bytesReceived : row[sort]
}

function sumsOf(traffic: Traffic, now: number | undefined): string {
  const { flows, denied, bytesSent, bytesReceived, rate, lost } = traffic.totals(now)
  const missing = lost === 0 ? '' : `   ${lost} not seen`
  return `${flows} flows (${formatRate(rate)}/s)   ${denied} denied   sent ${formatBytes(bytesSent)}   received ${formatBytes(bytesReceived)}${missing}`
}

function tabsOf({ view, sort, isPaused }: ScreenState): string {
  const tabs = views.map((name, index) => (name === view ? `[${index + 1} ${name}]` : ` ${index + 1} ${name} `)).join(' ')
  return `${tabs}   by ${sort}${isPaused ? '   PAUSED' : ''}`
}

interface TableOptions {
  readonly view: View
  readonly sort: Sort
  readonly room: number
  readonly now: number | undefined
  readonly width: number | undefined
}

const titles: Record<View, string> = { destinations: 'DESTINATION', denials: 'DENIED', workloads: 'WORKLOAD', policies: 'DECLARATION' }
const numberTitles = ['RATE/S', 'FLOWS', 'DENIED', 'SENT', 'RECEIVED', 'P50', 'P95']

function tableOf(traffic: Traffic, { view, sort, room, now, width }: TableOptions): readonly string[] {
  const shown = sortRows(traffic.rows(view, now), sort).slice(0, room)
  const rows = shown.map((row) => [clean(row.key), ...numbersOf(row)])
  const all = [[titles[view], ...numberTitles], ...rows]
  const numberWidths = numberTitles.map((_, column) => Math.max(...all.map((cells) => cells[column + 1]?.length ?? 0)))
  const rest = numberWidths.reduce((sum, each) => sum + each + 2, 0)
  const longest = Math.max(...all.map(([name = '']) => name.length))
  const nameWidth = width === undefined ? longest : Math.max(8, Math.min(longest, width - rest))
  return all.map(([name = '', ...numbers], index) => {
    const cells = numbers.map((text, column) => text.padStart((numberWidths[column] ?? 0) + 2))
    const line = cut(`${cut(name, nameWidth).padEnd(nameWidth)}${cells.join('')}`, width)
    if (index === 0) return colors.bold(line)
    // The word DENIED stands above the number; red is only a help.
    return (shown[index - 1]?.denied ?? 0) > 0 ? colors.red(line) : line
  })
}

function numbersOf(row: Row): readonly string[] {
  const { rate, flows, denied, bytesSent, bytesReceived, p50, p95 } = row
  return [formatRate(rate), String(flows), String(denied), formatBytes(bytesSent), formatBytes(bytesReceived), formatMs(p50), formatMs(p95)]
}

function formatRate(rate: number): string {
  return rate >= 99.95 ? String(Math.round(rate)) : rate.toFixed(1)
}

function cut(text: string, width: number | undefined): string {
  return width === undefined || text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}
