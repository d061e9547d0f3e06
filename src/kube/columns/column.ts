// Describes the columns in which kubectl shows objects, and the ways in which times and ages are printed.
import { fieldAtPath, isJsonList, isJsonObject, type Json, type JsonObject, type KubeObject } from '../object.ts'

export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  /** `name` marks the column by which the object is called. */
  readonly format?: 'name'
  readonly description: string
  /** Above 0: only in `-o wide`. */
  readonly priority: number
  /** `now` in milliseconds since the epoch. */
  readonly cell: (object: KubeObject, now: number) => Json
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'the name, unique among objects of its kind in its namespace',
  priority: 0,
  cell: ({ metadata }) => metadata.name ?? '',
}

/** Kinds of the core group tell their age. */
export const ageColumn: Column = column('Age', 'how long ago it was made', ({ metadata }, now) => age(metadata.creationTimestamp, now))

/** Kinds that CRDs define: a column of type date, with the age in it. */
export const creationColumn: Column = { ...ageColumn, type: 'date' }

export function column(
  name: string,
  description: string,
  cell: Column['cell'],
  more: Partial<Pick<Column, 'type' | 'priority'>> = {},
): Column {
  return { name, type: 'string', description, priority: 0, cell, ...more }
}

/** A column that shows a field as CRDs' printer columns do: lists as JSON, nothing where it is absent. */
export function fieldColumn(name: string, description: string, path: readonly string[]): Column {
  return column(name, description, (object) => {
    const value = fieldAtPath(object, path)
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : JSON.stringify(value)
  })
}

/** Time since a timestamp as kubectl prints it; `<unknown>` where there is none. */
export function age(timestamp: Json | undefined, now: number): string {
  const since = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN
  return Number.isNaN(since) ? '<unknown>' : humanDuration(now - since)
}

/** Two units at most, the second only while the first is small: `5m30s`, `15m`, `3h20m`, `9h`, `2d3h`, `200d`, `3y40d`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return joined(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return joined(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return joined(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return days < 8 * 365 ? joined(years, 'y', days % 365, 'd') : `${years}y`
}

/** The objects of a list; what is no object in it does not count. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return isJsonList(value) ? value.filter(isJsonObject) : []
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** `a=b,c=d` in the order of names; `<none>` for none. */
export function labelText(value: Json | undefined): string {
  const labels = isJsonObject(value) ? Object.keys(value).sort() : []
  return labels.length === 0 || !isJsonObject(value) ? '<none>' : labels.map((name) => `${name}=${textOf(value[name])}`).join(',')
}

/** The first few of a list, and how many more there are. */
export function firstOf(texts: readonly string[], most: number): string {
  if (texts.length === 0) return '<none>'
  const shown = texts.slice(0, most).join(',')
  return texts.length > most ? `${shown} + ${texts.length - most} more...` : shown
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`
}
