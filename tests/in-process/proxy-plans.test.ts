// Proves on real sockets that what a route changes, answers, repeats and copies is carried out, and nothing beside it.
import { describe, expect, it } from 'vitest'
import type { Answer, HttpPlan, RetryPlan } from '../../src/runtime/index.ts'
import {
  answering,
  closedPort,
  deny,
  dialPeer,
  forward,
  http,
  local,
  origin,
  type Origin,
  type Peer,
  plane,
  type RuntimeParts,
  sniffThen,
  until,
} from './proxy-kit.ts'

type Changes = Parameters<typeof forward>[1]

function serving(upstream: Origin, plan: HttpPlan, changes: Changes = {}): RuntimeParts {
  return { connection: sniffThen(() => http), request: () => forward([upstream.target], { ...changes, http: plan }) }
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: world\r\n\r\nhi'

function retry(changes: Partial<Omit<RetryPlan, 'on'>> & { readonly on: string }): RetryPlan {
  const { on, ...rest } = changes
  return { retries: 2, statuses: new Set(), perTry: 0, backOff: { base: 1, max: 10 }, ...rest, on: new Set(on.split(',')) }
}

describe('the facts of a request', () => {
  it('hold its headers line by line, its scheme, and one number for each purpose', async () => {
    const upstream = await origin(answering(ok))
    const seen: unknown[] = []
    const { port } = await plane({
      connection: sniffThen(() => http),
      request: (facts) => {
        seen.push([
          facts.headers('x-a'),
          facts.headers('x-b'),
          facts.headers('host'),
          facts.scheme,
          facts.chance('abort') === facts.chance('abort'),
          facts.chance('abort') !== facts.chance('delay'),
        ])
        return forward([upstream.target])
      },
    })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\nX-A: one\r\nx-a:  t\u00c3\u00a9o \r\n\r\n')
    await client.until('hi')
    client.text = ''
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\nx-forwarded-proto: HTTPS\r\n\r\n')
    await client.until('hi')
    expect(seen).toEqual([
      [['one', 't\u00e9o'], [], ['a.example'], 'http', true, true],
      [[], [], ['a.example'], 'https', true, true],
    ])
  })

  it('are the same when the decision had to wait, and when a live request is judged again after its headers were changed', async () => {
    const upstream = await origin()
    const seen: string[] = []
    const plan: HttpPlan = { requestHeaders: [{ kind: 'set', name: 'x-a', value: 'changed' }] }
    const parts = (name: string): RuntimeParts => ({
      connection: sniffThen(() => http),
      request: (facts) => {
        seen.push(`${name} ${facts.headers('x-a').join()} ${facts.chance('x')} ${facts.random}`)
        return facts.names('a.example')
          ? forward([upstream.target], { http: plan })
          : { verdict: 'gather', need: 'addresses', name: 'a.example', until: 0 }
      },
    })
    const { port, set } = await plane(parts('first'), { resolve: { 'a.example': ['192.0.2.1'] } })
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\nx-a: sent\r\n\r\n')
    expect(await (await upstream.peer(0)).until('\r\n\r\n')).toContain('x-a: changed')
    set(parts('second'))
    await until(() => seen.length >= 4, 'the second judgement')
    expect(seen.slice(0, 4).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'first sent',
      'first sent',
      'second sent',
      'second sent',
    ])
    expect(new Set(seen.map((line) => line.split(' ').slice(2).join(' '))).size).toBe(1)
  })
})

describe('a route that changes a request', () => {
  it('writes path, authority and headers anew on the way up, and headers on the way down', async () => {
    const upstream = await origin(answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Old: 1\r\nSet-Cookie: a\r\n\r\nhi'))
    const { port, record } = await plane(
      serving(upstream, {
        path: '/new?x',
        authority: 'b.example',
        requestHeaders: [
          { kind: 'set', name: 'x-handled-by', value: 'gateway' },
          { kind: 'remove', name: 'cookie' },
        ],
        responseHeaders: [
          { kind: 'remove', name: 'x-old' },
          { kind: 'append', name: 'set-cookie', value: 'b' },
        ],
      }),
    )
    const client = await dialPeer(port)
    client.write('POST /old?x HTTP/1.1\r\nHost: a.example\r\nCookie: s\r\nContent-Length: 4\r\nx-envoy-original-path: /forged\r\n\r\nbody')
    const answer = await client.until('\r\n\r\nhi')
    expect(upstream.received().replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'UUID')).toBe(
      [
        'POST /new?x HTTP/1.1',
        'host: b.example',
        'content-length: 4',
        'x-forwarded-proto: http',
        'x-request-id: UUID',
        'x-envoy-attempt-count: 1',
        'x-envoy-original-path: /old?x',
        'x-envoy-original-host: a.example',
        'x-handled-by: gateway',
        '',
        'body',
      ].join('\r\n'),
    )
    expect(answer).toContain('set-cookie: a\r\n')
    expect(answer).toMatch(/set-cookie: b\r\n\r\nhi$/)
    expect(answer).not.toContain('x-old')
    expect(await record(0)).toMatchObject({ requestPath: '/old?x', host: 'a.example' })
  })

  it('cannot make two requests of one: what no head can carry is refused', async () => {
    const upstream = await origin(answering(ok))
    const { port, record } = await plane(
      serving(upstream, { requestHeaders: [{ kind: 'set', name: 'x-a', value: '1\r\n\r\nGET /smuggled HTTP/1.1' }] }),
    )
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('\r\n\r\n')).toContain('HTTP/1.1 500')
    expect(upstream.peers).toHaveLength(0)
    expect(await record(0)).toMatchObject({ verdict: 'deny', reason: { code: 'internal-error' } })
  })
})

describe('a route that answers itself', () => {
  const answer = (changes: Partial<Answer>): Answer => ({
    verdict: 'answer',
    reason: { code: 'answered', text: 'a rule answers' },
    status: 200,
    headers: [],
    body: Buffer.alloc(0),
    flag: '-',
    details: 'direct_response',
    delay: 0,
    ...changes,
  })
  const answers = (changes: Partial<Answer>): RuntimeParts => ({ connection: sniffThen(() => http), request: () => answer(changes) })

  it('redirects as Envoy does, and serves the next request on the connection', async () => {
    const { port, record } = await plane(answers({ status: 301, headers: [['location', 'https://a.example/']], route: 'to-https' }))
    const client = await dialPeer(port)
    for (const path of ['/1', '/2']) {
      client.text = ''
      client.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`)
      expect(await client.until('\r\n\r\n')).toMatch(
        /^HTTP\/1\.1 301 Moved Permanently\r\nlocation: https:\/\/a\.example\/\r\ndate: [^\r]+\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n$/,
      )
    }
    expect(await record(1)).toMatchObject({
      status: 301,
      verdict: 'allow',
      reason: { code: 'answered' },
      flag: '-',
      details: 'direct_response',
      path: 'none',
    })
  })

  it('gives a body of bytes, its media type where it names one, and only the head to HEAD', async () => {
    const body = Buffer.from([0x00, 0xff, 0x41])
    const { port, record } = await plane(
      answers({ body, headers: [['content-type', 'application/x-a']], responseHeaders: [{ kind: 'set', name: 'x-more', value: '1' }] }),
    )
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\nHEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await record(1)
    await until(() => client.text.split('HTTP/1.1 200').length === 3 && client.text.endsWith('\r\n\r\n'), 'both answers')
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-length: 3\r\ncontent-type: application\/x-a\r\nx-more: 1\r\n/)
    expect(client.text).toContain('\r\n\r\n\u0000\u00ffAHTTP/1.1 200 OK\r\ncontent-length: 3\r\n')
    expect(await record(0)).toMatchObject({ bytesReceived: 3 })
    expect(await record(1)).toMatchObject({ bytesReceived: 0 })
  })

  it('aborts after a delay: FI and DI in the record', async () => {
    const { port, record } = await plane(
      answers({ status: 500, body: Buffer.from('fault filter abort'), flag: 'DI,FI', details: 'fault_filter_abort', delay: 120 }),
    )
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('fault filter abort')).toContain('HTTP/1.1 500')
    const { durationMs, flag, details } = await record(0)
    expect(durationMs).toBeGreaterThanOrEqual(120)
    expect({ flag, details }).toEqual({ flag: 'DI,FI', details: 'fault_filter_abort' })
  })
})

describe('a delayed request', () => {
  it('is sent after the delay, with the body that came meanwhile, and marked DI', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.text.endsWith('body') && peer.write(ok)))
    const { port, record } = await plane(serving(upstream, { delay: 120 }))
    const client = await dialPeer(port)
    client.write('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbo')
    client.write('dy')
    await client.until('hi')
    const { durationMs, flag } = await record(0)
    expect(durationMs).toBeGreaterThanOrEqual(120)
    expect(flag).toBe('DI')
  })

  it('is given up when its client leaves, and refused when a change forbids it', async () => {
    const upstream = await origin(answering(ok))
    const { port, record, set, plane: dataPlane } = await plane(serving(upstream, { delay: 600 }))
    const gone = await dialPeer(port)
    gone.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    const forbidden = await dialPeer(port)
    forbidden.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await until(() => dataPlane.counters.opened === 2, 'both requests')
    gone.socket.resetAndDestroy()
    expect(await record(0)).toMatchObject({ flag: 'DC' })
    set({ connection: sniffThen(() => http), request: () => deny({ status: 403 }) })
    expect(await forbidden.until('HTTP\n')).toContain('HTTP/1.1 403')
    expect(upstream.peers).toHaveLength(0)
  })
})

describe('a retry plan', () => {
  /** Answers `failures` requests with `bad`, and what comes after them with 200. */
  const failing = (failures: number, bad: string | ((peer: Peer) => void)): ((peer: Peer) => void) => {
    let count = 0
    return (peer) => {
      peer.socket.on('data', () => {
        if (++count > failures) peer.write(ok)
        else if (typeof bad === 'string') peer.write(bad)
        else bad(peer)
      })
    }
  }
  const unavailable = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad'
  const attempts = (upstream: Origin): string[] => [...upstream.received().matchAll(/attempt-count: (\d+)/g)].map((match) => match[1]!)

  it('has a status tried again until it is a good one, each try with its number', async () => {
    const upstream = await origin(failing(2, unavailable))
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: '5xx', retries: 3 }) }))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('hi')).not.toContain('503')
    expect(attempts(upstream)).toEqual(['1', '2', '3'])
    expect(await record(0)).toMatchObject({ status: 200, flag: '-', details: 'via_upstream', bytesReceived: 2 })
  })

  it('passes the last response on when it is used up, flag URX, also beyond nine tries', async () => {
    const upstream = await origin(failing(99, unavailable))
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: '5xx', retries: 11 }) }))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('bad')
    expect(attempts(upstream).at(-1)).toBe('12')
    expect(await record(0)).toMatchObject({ status: 503, flag: 'URX', details: 'via_upstream' })
  })

  it('leaves alone what it does not name, and does nothing with no tries', async () => {
    const upstream = await origin(failing(99, unavailable))
    for (const plan of [retry({ on: 'connect-failure' }), retry({ on: '5xx', retries: 0 })]) {
      const { port, record } = await plane(serving(upstream, { retry: plan }))
      const client = await dialPeer(port)
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      await client.until('bad')
      expect(await record(0)).toMatchObject({ status: 503, flag: '-' })
    }
    expect(attempts(upstream)).toEqual(['1', '1'])
  })

  it('sends a body again, also one that was still coming', async () => {
    const upstream = await origin((peer) => {
      peer.socket.on('data', () => {
        if (peer.text.includes('count: 1')) {
          if (peer.text.includes('abc')) peer.write(unavailable)
        } else if (peer.text.includes('0\r\n\r\n')) {
          peer.write(ok)
        }
      })
    })
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: '5xx' }) }))
    const client = await dialPeer(port)
    client.write('POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    client.write('3\r\nabc\r\n')
    await (await upstream.peer(1)).until('abc')
    client.write('3\r\ndef\r\n0\r\n\r\n')
    await client.until('hi')
    expect((await upstream.peer(1)).text).toMatch(/count: 2[^]*\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/)
    expect(await record(0)).toMatchObject({ status: 200, bytesSent: 6 })
  })

  it('does not send a body again that is longer than what is kept', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.bytes > 3000 && peer.write(unavailable)))
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: '5xx' }) }), { limits: { replayBytes: 1000 } })
    const client = await dialPeer(port)
    client.write('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3000\r\n\r\n')
    await (await upstream.peer(0)).until('\r\n\r\n')
    client.write('x'.repeat(3000))
    await client.until('bad')
    expect(attempts(upstream)).toEqual(['1'])
    expect(await record(0)).toMatchObject({ status: 503, flag: '-' })
  })

  it('limits each try, in the words of Envoy', async () => {
    const upstream = await origin()
    const plans: readonly (readonly [RetryPlan, object, string[]])[] = [
      [retry({ on: '5xx', perTry: 60 }), { flag: 'URX,UT', status: 504, details: 'upstream_per_try_timeout' }, ['1', '2', '3']],
      [retry({ on: 'connect-failure', perTry: 60 }), { flag: 'UT', status: 504, details: 'upstream_per_try_timeout' }, ['1']],
    ]
    for (const [plan, expected, tries] of plans) {
      const before = attempts(upstream).length
      const { port, record } = await plane(serving(upstream, { retry: plan }, { timeouts: { connect: 0, request: 5000, idle: 0 } }))
      const client = await dialPeer(port)
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      expect(await client.until('upstream request timeout')).toContain('HTTP/1.1 504')
      expect(await record(0)).toMatchObject(expected)
      expect(attempts(upstream).slice(before)).toEqual(tries)
      expect(upstream.received()).toContain('x-envoy-expected-rq-timeout-ms: 60\r\n')
    }
  })

  it('ends with the request’s own time limit', async () => {
    const upstream = await origin()
    const { port, record } = await plane(
      serving(upstream, { retry: retry({ on: '5xx', retries: 100, perTry: 60 }) }, { timeouts: { connect: 0, request: 200, idle: 0 } }),
    )
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('upstream request timeout')
    expect(await record(0)).toMatchObject({ flag: 'UT', details: 'response_timeout' })
  })

  it('says of a connection that was reset how often it was tried', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.socket.end()))
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: 'reset' }) }))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(await client.until('connection termination')).toContain('retried and the latest reset reason: connection termination')
    expect(await record(0)).toMatchObject({ flag: 'URX,UC', status: 503 })
    expect(attempts(upstream)).toEqual(['1', '2', '3'])
  })

  it('goes to another target first', async () => {
    const dead = await closedPort()
    const bad = await origin(failing(99, unavailable))
    const good = await origin(answering(ok))
    const plan: HttpPlan = { retry: retry({ on: '5xx' }) }
    // The order of equals turns from request to request, so that each of them is first once.
    const { port, record } = await plane({
      connection: sniffThen(() => http),
      request: () => forward([local(dead), bad.target, good.target], { http: plan }),
    })
    for (let index = 0; index < 3; index++) {
      const client = await dialPeer(port)
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      await client.until('hi')
      expect(await record(index)).toMatchObject({ status: 200, upstream: `127.0.0.1:${good.port}` })
    }
  })

  it('connects again by itself: URX,UF when all tries failed, UF where it is not asked to', async () => {
    const dead = await closedPort()
    for (const [plan, flag] of [
      [retry({ on: 'connect-failure' }), 'URX,UF'],
      [retry({ on: 'retriable-4xx' }), 'UF'],
    ] as const) {
      const { port, record } = await plane({
        connection: sniffThen(() => http),
        request: () => forward([local(dead)], { http: { retry: plan } }),
      })
      const client = await dialPeer(port)
      client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
      await client.until('remote connection failure')
      expect(await record(0)).toMatchObject({ flag, status: 503 })
    }
  })

  it('stops when the client leaves', async () => {
    const upstream = await origin(failing(99, unavailable))
    const { port, record } = await plane(serving(upstream, { retry: retry({ on: '5xx', retries: 1000, backOff: { base: 50, max: 50 } }) }))
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await upstream.peer(1)
    client.socket.resetAndDestroy()
    expect(await record(0)).toMatchObject({ flag: 'DC' })
  })
})

describe('a mirror', () => {
  const mirrored = (upstream: Origin, mirror: Origin, name = 'outbound|80||mirror.example'): RuntimeParts =>
    serving(upstream, { mirrors: [{ cluster: { name, gateway: false, proxyProtocol: false }, targets: [mirror.target], connect: 0 }] })

  it('gets the same request marked as a copy, and its answer is for nobody; each has its record', async () => {
    const upstream = await origin(answering(ok))
    const mirror = await origin((peer) => peer.socket.on('data', () => peer.text.endsWith('0\r\n\r\n') && peer.write(unlike)))
    const unlike = 'HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nxyz'
    const { port, closed } = await plane(mirrored(upstream, mirror))
    const client = await dialPeer(port)
    client.write(
      'POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nx-forwarded-for: 192.0.2.7\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    )
    expect(await client.until('hi')).not.toContain('500')
    await until(() => closed.length === 2, 'both records')
    expect(mirror.received()).toMatch(/^POST \/x HTTP\/1\.1\r\nhost: a\.example\r\n/)
    expect(mirror.received()).toMatch(/x-envoy-internal: true\r\nx-forwarded-for: 192\.0\.2\.7,127\.0\.0\.1\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/)
    expect(upstream.received()).not.toContain('x-envoy-internal')
    const own = closed.find(({ record }) => record.cluster === 'outbound|80||origin.example')!.record
    const copy = closed.find(({ record }) => record.cluster === 'outbound|80||mirror.example')!.record
    expect(own).toMatchObject({ status: 200 })
    expect(copy).toMatchObject({
      kind: 'request',
      parent: own.id,
      status: 500,
      bytesReceived: 3,
      upstream: `127.0.0.1:${mirror.port}`,
      flag: '-',
    })
  })

  it('gets a body that comes later, piece by piece', async () => {
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.text.endsWith('end') && peer.write(ok)))
    const mirror = await origin((peer) => peer.socket.on('data', () => peer.text.endsWith('end') && peer.write(ok)))
    const { port, closed } = await plane(mirrored(upstream, mirror))
    const client = await dialPeer(port)
    client.write('POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\nthe')
    await (await upstream.peer(0)).until('the')
    client.write('end')
    await client.until('hi')
    await until(() => closed.length === 2, 'both records')
    expect(mirror.received()).toMatch(/\r\n\r\ntheend$/)
    expect(closed.map(({ record }) => record.status)).toEqual([200, 200])
  })

  it('that is slow, dead or silent never holds up its request', async () => {
    const size = 24_000_000
    const upstream = await origin((peer) => peer.socket.on('data', () => peer.bytes >= size && peer.write(ok)))
    const slow = await origin((peer) => peer.socket.pause())
    const { port, closed } = await plane(mirrored(upstream, slow))
    const client = await dialPeer(port)
    client.write(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n`)
    client.write(Buffer.alloc(size, 'x'))
    await client.until('hi', 10_000)
    await until(() => closed.length === 2, 'both records')
    expect(closed.find(({ record }) => record.parent !== undefined)!.record).toMatchObject({ flag: 'UO', details: 'mirror_overflow' })
    expect(closed.find(({ record }) => record.parent === undefined)!.record).toMatchObject({ status: 200, bytesSent: size })
  })

  it('that cannot be reached, or does not answer in time, is recorded so', async () => {
    const upstream = await origin(answering(ok))
    const silent = await origin()
    const dead = await closedPort()
    const cluster = { name: 'mirror', gateway: false, proxyProtocol: false } as const
    const { port, closed } = await plane(
      serving(upstream, {
        mirrors: [
          { cluster, targets: [silent.target], connect: 0 },
          { cluster, targets: [local(dead)], connect: 0 },
        ],
      }),
      { limits: { mirrorMs: 100 } },
    )
    const client = await dialPeer(port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    await until(() => closed.length === 3, 'three records')
    expect(closed.flatMap(({ record }) => (record.parent === undefined ? [] : [record.flag])).toSorted()).toEqual(['UF', 'UT'])
  })

  it('ends with the declaration that asks for it, and with the proxy', async () => {
    const upstream = await origin(answering(ok))
    const silent = await origin()
    const started = await plane(mirrored(upstream, silent))
    const client = await dialPeer(started.port)
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    started.set(mirrored(upstream, silent))
    started.set(serving(upstream, {}))
    await until(() => started.closed.length === 2, 'both records')
    expect(started.closed[1]!.record).toMatchObject({ details: 'policy_changed' })
    started.set(mirrored(upstream, silent))
    client.text = ''
    client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await client.until('hi')
    // Closing the plane at the end of the test waits until every flow is recorded.
  })
})
