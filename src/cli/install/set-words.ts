// Reads `--set` as helm does: `KEY=VALUE,KEY=VALUE`, a backslash before what is meant as it is, and `{a,b}` for a list.

export interface Word {
  readonly key: string
  /** A list as it stands in braces. */
  readonly value: string | readonly string[]
}

/** What is wrong with the text, or its words. */
export function readSetWords(text: string): readonly Word[] | string {
  const words: Word[] = []
  for (const part of split(text, true)) {
    const at = part.indexOf('=')
    if (at <= 0) return `"${text}" is not KEY=VALUE`
    const key = part.slice(0, at).trim()
    if (/[[\]]/.test(key)) return `${key}: an entry of a list cannot be set by its number; set the whole list: KEY={a,b}`
    words.push({ key, value: valueOf(part.slice(at + 1)) })
  }
  return words.length === 0 ? 'a KEY=VALUE is missing' : words
}

function valueOf(text: string): Word['value'] {
  const list = /^\{(.*)\}$/s.exec(text)?.[1]
  if (list === undefined) return unescaped(text)
  return list === '' ? [] : split(list, false).map(unescaped)
}

/** At commas that are neither escaped nor, where they may be, in braces. */
function split(text: string, hasBraces: boolean): readonly string[] {
  const parts = text.match(hasBraces ? /(?:\\.|=\{[^}]*\}|[^,\\])+/gs : /(?:\\.|[^,\\])+/gs)
  return parts ?? []
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1')
}
