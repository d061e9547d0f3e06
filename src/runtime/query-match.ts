// Compiles what a route asks of the query: of a parameter that is repeated the first counts, and nothing is decoded (observed on Envoy 1.40).
import type { QueryParameterMatcher } from '../xds/gen/envoy/config/route/v3/route_components_pb.js'
import type { Part, RequestTest } from './request-test.ts'
import { compileStringMatcher } from './string-match.ts'

export function compileQueryParameter({ name, queryParameterMatchSpecifier: specifier }: QueryParameterMatcher): Part<RequestTest> {
  if (specifier.case !== 'stringMatch') {
    const isWanted = specifier.case === undefined || specifier.value
    return { test: ({ target }) => (valueOfParameter(target, name) !== undefined) === isWanted }
  }
  const compiled = compileStringMatcher(specifier.value)
  if ('problem' in compiled) return { problem: `query parameter "${name}": ${compiled.problem}` }
  const { test } = compiled
  return {
    test: ({ target }) => {
      const value = valueOfParameter(target, name)
      return value !== undefined && test(value)
    },
  }
}

/** The parameter's value as it stands; empty when only its name does. */
export function valueOfParameter(target: string, name: string): string | undefined {
  const query = target.indexOf('?')
  if (query < 0) return undefined
  for (let start = query + 1; start <= target.length; ) {
    const next = target.indexOf('&', start)
    const end = next < 0 ? target.length : next
    const equals = target.indexOf('=', start)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (nameEnd - start === name.length && target.startsWith(name, start)) return nameEnd === end ? '' : target.slice(nameEnd + 1, end)
    start = end + 1
  }
  return undefined
}
