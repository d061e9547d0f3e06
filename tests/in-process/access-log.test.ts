// Proves that an access log prints the headers that its format asks for, of requests and answers that really went through.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { flowClosed, openAccessLog } from '../../src/telemetry/index.ts'
import { answering, dialPeer, forward, http, sniffThen, startOrigin, startPlane } from './proxy-kit.ts'

it('prints headers of the request and of its answer, each time anew on a kept connection', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'access-'))
  const path = join(folder, 'access.log')
  const text = '"%REQ(X-Team)%" "%RESP(X-Answer)%" %RESPONSE_CODE% %REQ(:PATH)% %UPSTREAM_PROTOCOL%'
  const log = openAccessLog(path, { encoding: 'TEXT', format: { text } })
  const stop = flowClosed.subscribe(({ record, access }) => log.write(record, access))
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Answer: forty two\r\n\r\nhi'
  const upstream = await startOrigin(answering(answer))
  const plane = await startPlane({ connection: sniffThen(() => http), request: () => forward([upstream.target]) })
  try {
    const client = await dialPeer(plane.port)
    client.write('GET /one HTTP/1.1\r\nHost: origin.example\r\nx-TEAM: shop\r\nx-team: second\r\n\r\n')
    await client.until('\r\n\r\nhi')
    client.write('GET /two HTTP/1.1\r\nHost: origin.example\r\nConnection: close\r\n\r\n')
    await client.until(/\r\n\r\nhi[^]*\r\n\r\nhi/)
    await plane.record(1)
    await log.close()
    expect(readFileSync(path, 'utf8')).toBe('"shop" "forty two" 200 /one HTTP/1.1\n"-" "forty two" 200 /two HTTP/1.1\n')
  } finally {
    stop()
    await plane.close()
    upstream.close()
    rmSync(folder, { recursive: true })
  }
})
