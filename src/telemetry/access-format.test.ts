// Holds custom access log formats to Envoy's operators: values, types, lengths, what is missing, and what is no operator.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AccessDetails, FlowRecord } from '../flow/index.ts'
import { compileAccessFormat } from './access-format.ts'
import { istioTextFormat } from './access-log.ts'
import { formatAccess, openAccessLog, wantedHeaders } from './index.ts'
import { sampleRecord } from './sample-record.ts'

const access: AccessDetails = {
  httpVersion: 'HTTP/1.1',
  originalPath: '/v1?q=1',
  xForwardedFor: '10.0.0.7',
  userAgent: 'curl/8.5.0',
  requestId: 'b3b0a1de',
  authority: 'api.example.com',
  upstreamServiceTime: '11',
  downstreamLocal: '[2001:db8::1]:80',
  downstreamRemote: '10.0.0.7:40000',
  routeName: 'default',
  transportFailure: '-',
  requestHeaders: new Map([['x-team', 'shop " one']]),
  responseHeaders: new Map([['content-type', 'text/html; charset=utf-8']]),
}
const connection: FlowRecord = sampleRecord({ kind: 'connection', status: 0, sni: 'api.example.com', flag: 'UF,URX' })

function write(text: string, record = sampleRecord()): string {
  return compileAccessFormat({ text }).format({ record, access })
}

describe('an operator', () => {
  const cases: Record<string, readonly [format: string, line: string, record?: FlowRecord]> = {
    'START_TIME is ISO 8601 by default': ['%START_TIME%', '2026-01-02T03:04:05.678Z'],
    'START_TIME takes a format with percent signs': ['[%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%]', '[2026/01/02T03:04:05+0000_1767323045]'],
    'START_TIME takes fractions of a second': ['%START_TIME(%s.%3f)% %START_TIME(%6f|%f)%', '1767323045.678 678000|678000000'],
    'START_TIME takes names': ['"%START_TIME(%a, %d %b %Y %I %p)%"', '"Fri, 02 Jan 2026 03 AM"'],
    'EMIT_TIME is the end': ['%EMIT_TIME(%S.%3f)%', '05.690'],
    'REQ of what is noted anyway': [
      '%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(USER-AGENT)%',
      'GET /v1?q=1 api.example.com curl/8.5.0',
    ],
    'REQ of any header': ['"%REQ(X-Team)%"', '"shop \\" one"'],
    'REQ with another in its place': ['%REQ(X-NONE?:METHOD)%', 'GET'],
    'REQ of what is not there': ['%REQ(X-NONE)%', '-'],
    'REQ cut to a length': ['%REQ(X-REQUEST-ID):4%', 'b3b0'],
    'REQ under its long name': ['%REQUEST_HEADER(:METHOD)%', 'GET'],
    REQ_WITHOUT_QUERY: ['%REQ_WITHOUT_QUERY(:PATH)%', '/v1'],
    'RESP of any header': ['"%RESP(CONTENT-TYPE)%"', '"text/html; charset=utf-8"'],
    'RESP of the status': ['%RESP(:STATUS)%', '200'],
    'addresses and their parts': [
      '%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_PORT%',
      '192.0.2.10:80 192.0.2.10 80 50000',
    ],
    'an IPv6 address without its port': ['%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%', '2001:db8::1 80'],
    'directions are the proxy’s': ['%BYTES_RECEIVED% %BYTES_SENT%', '100 2000'],
    'flags, short and long': [
      '%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%',
      'UF,URX UpstreamConnectionFailure,UpstreamRetryLimitExceeded',
      connection,
    ],
    'no flags': ['%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', '- -'],
    'of a request at a connection': [
      '%REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %REQUESTED_SERVER_NAME%',
      '- - 0 api.example.com',
      connection,
    ],
    'that never has a value here': ['%DYNAMIC_METADATA(a:b)% %TRAILER(x)% %GRPC_STATUS%', '- - -'],
    'a percent sign twice is one': ['100%% %DURATION%', '100% 12'],
    'a line end of the format is not doubled': ['%DURATION%\n', '12'],
    'a value outside quotation marks has no blanks': ['%REQ(X-TEAM)%', 'shop___one'],
  }
  test.each(Object.entries(cases))('%s', (_name, [format, line, record]) => {
    expect(write(format, record)).toBe(line)
  })

  const wrong: Record<string, string> = {
    'that does not exist': '%NO_SUCH%',
    'that wants a header': '%REQ%',
    'that wants no argument': '%DURATION(x)%',
    'that does not end': 'a %DURATION',
    'in lower case': '%duration%',
  }
  test.each(Object.entries(wrong))('%s is told', (_name, text) => {
    expect(compileAccessFormat({ text }).problems).toHaveLength(1)
  })
})

test('Istio’s own format, given as a format, writes Istio’s own lines', () => {
  for (const record of [sampleRecord(), connection]) expect(write(istioTextFormat, record)).toBe(formatAccess(record, access, 'TEXT'))
  expect(compileAccessFormat({ text: istioTextFormat })).toMatchObject({ problems: [], requestHeaders: [], responseHeaders: [] })
})

test('JSON keeps types, nests, and has null where there is nothing', () => {
  const labels = {
    code: '%RESPONSE_CODE%',
    text: 'code %RESPONSE_CODE%, %REQ(X-NONE)%',
    none: '%REQ(X-NONE)%',
    raw: '%REQ(X-TEAM)%',
    fixed: 'a "b"',
    number: 7,
    nested: { list: ['%DURATION%', 'x', true] },
  }
  expect(JSON.parse(compileAccessFormat({ labels }).format({ record: sampleRecord(), access }))).toEqual({
    code: 200,
    text: 'code 200, -',
    none: null,
    raw: 'shop " one',
    fixed: 'a "b"',
    number: 7,
    nested: { list: [12, 'x', true] },
  })
})

test('headers are wanted while a log is open that prints them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'access-'))
  const problems: string[] = []
  try {
    const path = join(folder, 'log')
    const log = openAccessLog(path, {
      encoding: 'TEXT',
      format: { text: '%REQ(X-Team?User-Agent)% %RESP(X-Other)% %NO_SUCH%' },
      onUnknown: (problem) => problems.push(problem),
    })
    const other = openAccessLog(join(folder, 'other'), { encoding: 'JSON', format: { labels: { team: '%REQ(x-team)%' } } })
    expect(wantedHeaders).toEqual({ request: ['x-team'], response: ['x-other'] })
    log.write(sampleRecord(), { ...access, requestHeaders: new Map() })
    await log.close()
    expect(wantedHeaders).toEqual({ request: ['x-team'], response: [] })
    await other.close()
    expect(wantedHeaders).toEqual({ request: [], response: [] })
    expect(readFileSync(path, 'utf8')).toBe('curl/8.5.0 - -\n')
    expect(problems).toEqual(['%NO_SUCH% is not known'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
