// Writes and reads field paths such as `spec.http[0].match` and `metadata.labels["a.b/c"]`.

export type FieldPath = readonly (string | number)[]

/** The path of a field or list entry below `parent`. */
export function fieldAt(parent: string, segment: string | number): string {
  if (typeof segment === 'number') return `${parent}[${segment}]`
  if (!plainName.test(segment)) return `${parent}[${JSON.stringify(segment)}]`
  return parent === '' ? segment : `${parent}.${segment}`
}

export function formatFieldPath(path: FieldPath): string {
  return path.reduce<string>(fieldAt, '')
}

/** The segments of a path; whatever is no path ends it, because a path only ever finds a place. */
export function parseFieldPath(path: string): (string | number)[] {
  const segments: (string | number)[] = []
  segmentPattern.lastIndex = 0
  for (let match = segmentPattern.exec(path); match && match[0] !== ''; match = segmentPattern.exec(path)) {
    if (match[1] !== undefined) segments.push(Number(match[1]))
    else if (match[2] !== undefined) segments.push(unquote(match[2]))
    else segments.push(match[3] ?? '')
  }
  return segments
}

/** Whether `path` is `ancestor` or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  if (!path.startsWith(ancestor)) return false
  const next = path.charAt(ancestor.length)
  return ancestor === '' || next === '' || next === '.' || next === '['
}

const plainName = /^[A-Za-z_$][\w$-]*$/
const segmentPattern = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/gy

function unquote(quoted: string): string {
  const value: unknown = JSON.parse(quoted)
  return typeof value === 'string' ? value : ''
}
