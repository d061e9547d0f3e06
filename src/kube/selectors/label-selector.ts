// Reads and applies label selectors, with Kubernetes' words for what is wrong in one.
import { badRequest, StatusError } from '../status.ts'
import { labelValueProblems, qualifiedNameProblems } from '../validate/names.ts'

type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!'

interface Requirement {
  readonly key: string
  readonly operator: Operator
  readonly values: ReadonlySet<string>
}

type Labels = Readonly<Record<string, string>>

export interface LabelSelector {
  readonly matches: (labels: Labels | undefined) => boolean
  /** Whether everything matches. */
  readonly isEmpty: boolean
}

/** Throws a StatusError, 400. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = new Parser(text).parse()
  return {
    isEmpty: requirements.length === 0,
    matches: (labels = {}) =>
      requirements.every((requirement) => meets(requirement, Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined)),
  }
}

function meets({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.has(value)
    case 'notin':
    case '!=':
      return value === undefined || !values.has(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt': {
      const [limit = ''] = values
      if (value === undefined || !isInteger(value)) return false
      return operator === 'gt' ? Number(value) > Number(limit) : Number(value) < Number(limit)
    }
  }
}

const binary: Readonly<Record<string, Operator>> = { in: 'in', notin: 'notin', '=': '=', '==': '==', '!=': '!=', '>': 'gt', '<': 'lt' }
const binaryNames = 'in, notin, =, ==, !=, gt, lt'

class Parser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[!=(),<>]|[^\s!=(),<>]+/g) ?? []
  }

  parse(): readonly Requirement[] {
    const requirements: Requirement[] = []
    while (this.#peek !== '') {
      const start = this.#peek
      if (start !== '!' && !isWord(start)) throw refused(`found '${start}', expected: !, identifier, or 'end of string'`)
      requirements.push(this.#requirement())
      const next = this.#peek
      if (next === '') break
      if (next !== ',') throw refused(`found '${next}', expected: ',' or 'end of string'`)
      this.#at += 1
      const after = this.#peek
      if (after !== '!' && !isWord(after)) throw refused(`found '${after}', expected: identifier after ','`)
    }
    return requirements
  }

  get #peek(): string {
    return this.#tokens[this.#at] ?? ''
  }

  #next(): string {
    const token = this.#peek
    this.#at += 1
    return token
  }

  #requirement(): Requirement {
    const isAbsence = this.#peek === '!'
    if (isAbsence) this.#at += 1
    const key = this.#next()
    if (!isWord(key)) throw unparsable(`found '${key}', expected: identifier`)
    const [problem] = qualifiedNameProblems(key)
    if (problem !== undefined) throw unparsable(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problem}`)
    if (isAbsence) return { key, operator: '!', values: new Set() }
    if (this.#peek === '' || this.#peek === ',') return { key, operator: 'exists', values: new Set() }
    const sign = this.#next()
    const operator = Object.hasOwn(binary, sign) ? binary[sign] : undefined
    if (operator === undefined) throw unparsable(`found '${sign}', expected: ${binaryNames}`)
    const values = operator === 'in' || operator === 'notin' ? this.#list() : [this.#value()]
    judgeValues(key, operator, values)
    return { key, operator, values: new Set(values) }
  }

  #value(): string {
    const next = this.#peek
    if (next === '' || next === ',') return ''
    this.#at += 1
    if (!isWord(next)) throw unparsable(`found '${next}', expected: identifier`)
    return next
  }

  /** `(a,,b)` has the empty text in it. */
  #list(): readonly string[] {
    const open = this.#next()
    if (open !== '(') throw unparsable(`found '${open}' expected: '('`)
    const values: string[] = []
    for (;;) {
      const token = this.#next()
      if (token === ')' || token === ',') values.push('')
      else if (!isWord(token)) throw unparsable(`found '${token}', expected: ',', ')' or identifier`)
      else values.push(token)
      const end = token === ')' || token === ',' ? token : this.#next()
      if (end === ')') return values
      if (end !== ',') throw unparsable(`found '${end}', expected: ',' or ')'`)
    }
  }
}

function judgeValues(key: string, operator: Operator, values: readonly string[]): void {
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !isInteger(value)) {
      throw unparsable(`values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`)
    }
    const [problem] = labelValueProblems(value)
    if (problem !== undefined) throw unparsable(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`)
  }
}

function isWord(token: string): boolean {
  return token !== '' && !/^[!=(),<>]/.test(token)
}

function isInteger(text: string): boolean {
  return /^-?\d{1,18}$/.test(text)
}

function unparsable(problem: string): StatusError {
  return refused(`unable to parse requirement: ${problem}`)
}

function refused(problem: string): StatusError {
  return new StatusError(badRequest(problem))
}
