// Compiles Envoy's string and regex matchers, so that a match in the hot path is one call without set-up.
import { messageOf } from '../base/index.ts'
import { RE2JS } from 're2js'
import type { StringMatcher } from '../xds/gen/envoy/type/matcher/v3/string_pb.js'

export type TextTest = (text: string) => boolean

/** A matcher that cannot be carried out is told in words. */
export type CompiledTest = { readonly test: TextTest } | { readonly problem: string }

export function compileStringMatcher({ matchPattern, ignoreCase }: StringMatcher): CompiledTest {
  switch (matchPattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return { test: compileTextTest(matchPattern.case, matchPattern.value, !ignoreCase) }
    case 'safeRegex':
      // Envoy ignores ignore_case for regular expressions.
      return compileRegex(matchPattern.value.regex)
    default:
      return { problem: `the string matcher "${matchPattern.case ?? 'none'}" is not known` }
  }
}

export function compileTextTest(how: 'exact' | 'prefix' | 'suffix' | 'contains', pattern: string, isCaseSensitive: boolean): TextTest {
  if (!isCaseSensitive) {
    const lower = compileTextTest(how, pattern.toLowerCase(), true)
    return (text) => lower(text.toLowerCase())
  }
  switch (how) {
    case 'exact':
      return (text) => text === pattern
    case 'prefix':
      return (text) => text.startsWith(pattern)
    case 'suffix':
      return (text) => text.endsWith(pattern)
    case 'contains':
      return (text) => text.includes(pattern)
  }
}

/**
 * RE2 matches in linear time whatever the pattern is, and the whole text, as Envoy does. What the pattern begins with literally
 * is compared first, because that settles most requests.
 */
export function compileRegex(regex: string): CompiledTest {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(regex)
  } catch (error) {
    return { problem: `the regular expression ${JSON.stringify(regex)} does not compile: ${messageOf(error)}` }
  }
  const prefix = literalPrefix(regex)
  if (prefix === '') return { test: (text) => compiled.matches(text) }
  return { test: (text) => text.startsWith(prefix) && compiled.matches(text) }
}

/** Characters that every match begins with; the last one is given up when a quantifier follows it. */
function literalPrefix(regex: string): string {
  if (regex.includes('|')) return ''
  const meta = regex.search(/[\\^$.[\](){}*+?]/)
  if (meta < 0) return regex
  return '?*{'.includes(regex.charAt(meta)) ? regex.slice(0, Math.max(0, meta - 1)) : regex.slice(0, meta)
}
