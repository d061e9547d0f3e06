// Holds access logs in formats of one's own to what Envoy makes of the same strings.
import { expect, test } from 'vitest'
import { type AccessLogFormat, compileFormat } from './access-log-format.ts'
import { accessValuesOf } from './access-values.ts'
import { sampleRecord } from './sample-record.ts'

const request = accessValuesOf(sampleRecord(), undefined)
const connection = accessValuesOf(sampleRecord({ kind: 'connection', flag: 'UH' }), undefined)
const text = (format: string): string => compileFormat({ text: format }).format(request)

const lines: Readonly<Record<string, readonly [format: AccessLogFormat, line: string]>> = {
  'words and operators': [{ text: 'code=%RESPONSE_CODE% %REQ(:METHOD)% %REQ(:path)%\n' }, 'code=200 GET /v1?q=1'],
  'a header or else another': [{ text: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%' }, '/v1?q=1'],
  'what is missing': [{ text: '%REQUESTED_SERVER_NAME% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%' }, '- -'],
  'a length': [{ text: '%UPSTREAM_CLUSTER():8% %UPSTREAM_CLUSTER:8%' }, '- outbound'],
  'a percent sign': [{ text: '100%% of %BYTES_SENT%' }, '100% of 2000'],
  'a percent sign that is none': [{ text: '50% of it' }, '50% of it'],
  JSON: [
    {
      labels: {
        code: '%RESPONSE_CODE%',
        who: '%REQ(:AUTHORITY)% by %PROTOCOL%',
        sni: '%REQUESTED_SERVER_NAME%',
        fixed: 1,
        more: { of: ['%DURATION%', true] },
      },
    },
    '{"code":200,"who":"api.example.com by -","sni":null,"fixed":1,"more":{"of":[12,true]}}',
  ],
}

test.each(Object.entries(lines))('%s', (_, [format, line]) => {
  expect(compileFormat(format).format(request)).toBe(line)
})

test('a connection has no method, and the code 0', () => {
  expect(compileFormat({ text: '%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS%' }).format({ ...connection, response_code: 0 })).toBe(
    '- 0 UH',
  )
})

test('what is not known is told, and is nothing', () => {
  const { unknown, format } = compileFormat({ text: '%REQ(COOKIE)% %DYNAMIC_METADATA(a:b)% %DURATION%' })
  expect(unknown).toEqual(['%REQ(COOKIE)%', '%DYNAMIC_METADATA(a:b)%'])
  expect(format(request)).toBe('- - 12')
})

test('what a client sent forges neither a field nor a line', () => {
  const values = { ...request, user_agent: 'a" 200\n[2026]' }
  expect(compileFormat({ text: '"%REQ(USER-AGENT)%"' }).format(values)).toBe('"a\\" 200\\x0a[2026]"')
  expect(text('%ROUTE_NAME%')).toBe('-')
})
