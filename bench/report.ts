// Holds what the benchmark found and writes it as the table that a person reads in the terminal and in bench/results.md.

/** One thing measured of several contestants in the same interleaved rounds. */
export interface Table {
  readonly title: string
  readonly unit: string
  readonly rows: readonly Row[]
}

export interface Row {
  readonly who: string
  /** One for each round. */
  readonly samples: readonly number[]
  /** What is told beside it and judged by nobody, such as a latency. */
  readonly note?: string
}

/** A figure that is to be at most so much. */
export interface Aim {
  readonly what: string
  readonly value: number
  readonly most: number
  readonly unit: string
}

export interface Section {
  readonly title: string
  /** How it was measured. */
  readonly method: string
  readonly tables: readonly Table[]
  readonly aims: readonly Aim[]
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Of the medians of two rows. */
export function ratio(table: Table, who: string, to: string): number {
  return medianOf(table, who) / medianOf(table, to)
}

export function medianOf(table: Table, who: string): number {
  return median(table.rows.find((row) => row.who === who)?.samples ?? [])
}

/** NaN is a miss: what could not be measured is not met. */
export function isMet({ value, most }: Aim): boolean {
  return value <= most
}

export function formatSection(section: Section): string {
  return [`## ${section.title}`, section.method, ...section.tables.map(formatTable), formatAims(section.aims)]
    .filter((part) => part !== '')
    .join('\n\n')
}

function formatTable({ title, unit, rows }: Table): string {
  const hasNotes = rows.some((row) => row.note !== undefined)
  const reference = rows.find(({ who }) => who.startsWith('Envoy'))
  const cells = rows.map((row) => [
    row.who,
    formatNumber(median(row.samples)),
    formatNumber(Math.min(...row.samples)),
    ...(reference ? [(median(row.samples) / median(reference.samples)).toFixed(2)] : []),
    ...(hasNotes ? [row.note ?? ''] : []),
  ])
  const heads = [title, `median ${unit}`, 'least', ...(reference ? ['× Envoy'] : []), ...(hasNotes ? ['beside it'] : [])]
  return formatGrid(heads, cells)
}

function formatAims(aims: readonly Aim[]): string {
  if (aims.length === 0) return ''
  return formatGrid(
    ['aim', 'measured', 'at most', ''],
    aims.map((aim) => [
      aim.what,
      `${formatNumber(aim.value)} ${aim.unit}`,
      `${formatNumber(aim.most)} ${aim.unit}`,
      isMet(aim) ? 'met' : 'MISSED',
    ]),
  )
}

/** A Markdown table whose columns are also in line where it is only text. */
function formatGrid(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(3, head.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (column === 0 ? (cells[column] ?? '').padEnd(width) : (cells[column] ?? '').padStart(width))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(heads), rule, ...rows.map(line)].join('\n')
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'not measured'
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
