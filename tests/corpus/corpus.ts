// Reads the corpora of hostile requests and responses: files of classes, each with its reason and its cases.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

interface WrittenCase {
  readonly put: string
}

interface WrittenClass<Case> {
  readonly class: string
  readonly why: string
  /** `{}` stands for what a case puts there. */
  readonly template: string
  readonly cases: Readonly<Record<string, string | (Case & WrittenCase)>>
}

export type Entry<Case> = Partial<Case> & {
  readonly name: string
  readonly class: string
  readonly why: string
  readonly bytes: string
}

export function readCorpus<Case extends object>(folder: 'requests' | 'responses' | 'valid'): readonly Entry<Case>[] {
  const path = join(import.meta.dirname, folder)
  return readdirSync(path)
    .toSorted()
    .flatMap((file) => (parse(readFileSync(join(path, file), 'utf8')) as readonly WrittenClass<Case>[]).flatMap(entriesOf))
}

export function byClass<Case>(corpus: readonly Entry<Case>[]): ReadonlyMap<string, readonly Entry<Case>[]> {
  return new Map([...new Set(corpus.map((entry) => entry.class))].map((name) => [name, corpus.filter((entry) => entry.class === name)]))
}

function entriesOf<Case extends object>(written: WrittenClass<Case>): readonly Entry<Case>[] {
  return Object.entries(written.cases).map(([name, given]) => {
    const { put, ...rest } = typeof given === 'string' ? { put: given } : given
    return {
      ...(rest as Partial<Case>),
      name,
      class: written.class,
      why: written.why,
      bytes: expand(written.template.replace('{}', () => put)),
    }
  })
}

/** `{H}` is a Host line; `{70000*a}` is that many times what stands behind the star, from the inside out. */
function expand(text: string): string {
  let expanded = text.replaceAll('{H}', 'Host: a.example\r\n')
  for (;;) {
    const next = expanded.replaceAll(/\{(\d+)\*([^{}]*)\}/g, (_, count: string, piece: string) => piece.repeat(Number(count)))
    if (next === expanded) return next
    expanded = next
  }
}
