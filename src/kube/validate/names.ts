// Holds Kubernetes' rules for names, labels and keys, with its words for what breaks them.

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const dns1123Subdomain = String.raw`[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?'
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelValue = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'
const dataKey = '[-._a-zA-Z0-9]+'

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const label1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
const nameRule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

export type NameRule = 'subdomain' | 'label' | 'label-1035' | 'path'

/** What is wrong with the name of an object; each in a sentence. */
export function nameProblems(name: string, rule: NameRule): readonly string[] {
  switch (rule) {
    case 'subdomain':
      return subdomainProblems(name)
    case 'label':
      if (name.includes('.')) return ['must not contain dots']
      return judged(name, { most: 63, pattern: dns1123Label, rule: labelRule, examples: ['my-name', '123-abc'] })
    case 'label-1035':
      return judged(name, { most: 63, pattern: dns1035Label, rule: label1035Rule, examples: ['my-name', 'abc-123'] })
    case 'path':
      return pathProblems(name)
  }
}

export function subdomainProblems(name: string): readonly string[] {
  return judged(name, { most: 253, pattern: dns1123Subdomain, rule: subdomainRule, examples: ['example.com'] })
}

/** Of a label or an annotation: a name, with a prefix or without. */
export function qualifiedNameProblems(name: string): readonly string[] {
  const parts = name.split('/')
  const last = parts.at(-1) ?? ''
  if (parts.length > 2)
    return [
      `a qualified name ${example(nameRule, qualifiedName, ['MyName', 'my.name', '123-abc'])} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  const prefix = parts.length === 2 ? parts[0] : undefined
  const ofPrefix =
    prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : subdomainProblems(prefix).map((problem) => `prefix part ${problem}`)
  const ofName = [
    ...(last === '' ? ['name part must be non-empty'] : []),
    ...(last.length > 63 ? [`name part ${tooLong(63)}`] : []),
    ...(matches(last, qualifiedName) ? [] : [`name part ${example(nameRule, qualifiedName, ['MyName', 'my.name', '123-abc'])}`]),
  ]
  return [...ofPrefix, ...ofName]
}

export function labelValueProblems(value: string): readonly string[] {
  const rule = `a valid label must be an empty string or consist of ${nameRule.slice('must consist of '.length)}`
  return judged(value, { most: 63, pattern: labelValue, rule, examples: ['MyValue', 'my_value', '12345'] })
}

/** Of the data of a ConfigMap or a Secret. */
export function dataKeyProblems(key: string): readonly string[] {
  const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
  const problems = judged(key, { most: 253, pattern: dataKey, rule, examples: ['key.name', 'KEY_NAME', 'key-name'] })
  if (key === '.' || key === '..') return [`must not be '${key}'`]
  return key.startsWith('..') ? [...problems, "must not start with '..'"] : problems
}

interface Rule {
  readonly most: number
  readonly pattern: string
  readonly rule: string
  readonly examples: readonly string[]
}

function judged(text: string, { most, pattern, rule, examples }: Rule): readonly string[] {
  return [...(text.length > most ? [tooLong(most)] : []), ...(matches(text, pattern) ? [] : [example(rule, pattern, examples)])]
}

function pathProblems(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`)
}

const patterns = new Map<string, RegExp>()

function matches(text: string, pattern: string): boolean {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) patterns.set(pattern, (compiled = new RegExp(`^(?:${pattern})$`)))
  return compiled.test(text)
}

function tooLong(most: number): string {
  return `must be no more than ${most} characters`
}

function example(rule: string, pattern: string, examples: readonly string[]): string {
  return `${rule} (e.g. ${examples.map((one, index) => `'${one}', ${index < examples.length - 1 ? ' or ' : ''}`).join('')}regex used for validation is '${pattern}')`
}
