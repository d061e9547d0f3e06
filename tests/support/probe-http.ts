// Writes one HTTP/1 request and reads one response by hand, so that nothing a library would mend goes unseen; HTTP/2 is left to Node.
import http2 from 'node:http2'
import type { Socket } from 'node:net'
import type { HttpProbe, ProbeResult } from './probe.ts'
import type { Line } from './probe-wire.ts'

const longestBody = 6000

export function requestBytes(probe: HttpProbe): string {
  if (probe.raw !== undefined) return probe.raw
  const headers = [...(probe.headers ?? [])]
  const body = probe.body ?? ''
  if (body !== '' && !headers.some(([name]) => name.toLowerCase() === 'content-length')) {
    headers.push(['Content-Length', String(Buffer.byteLength(body))])
  }
  headers.push(['Connection', 'close'])
  const lines = [`${probe.method ?? 'GET'} ${probe.path ?? '/'} HTTP/${probe.version ?? '1.1'}`, ...headers.map((pair) => pair.join(': '))]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

/** `closed` when the other side ends before a whole head; a body that ends early is as long as it is. */
export async function readResponse(line: Line, method: string, seconds: number): Promise<ProbeResult> {
  let text = ''
  let ended: string | undefined
  const more = async (): Promise<boolean> => {
    const read = await line.read(seconds)
    if ('bytes' in read) text += read.bytes.toString('latin1')
    else ended = read.ended
    return 'bytes' in read
  }
  for (;;) {
    while (!text.includes('\r\n\r\n')) if (!(await more())) return { outcome: ended ?? 'closed', data: text.slice(0, 200) }
    const end = text.indexOf('\r\n\r\n')
    const head = parseHead(text.slice(0, end))
    text = text.slice(end + 4)
    if (head.status === 100) continue
    const isWhole = bodyRule(head.headers, method, head.status)
    while (!isWhole(text)) if (!(await more())) break
    return { outcome: 'answered', ...head, body: decodeBody(head.headers, text).slice(0, longestBody) }
  }
}

/** On a connection of its own, which is closed. */
export async function askInHttp2(socket: Socket, probe: HttpProbe, seconds: number): Promise<ProbeResult> {
  const authority = probe.headers?.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? probe.dial
  const session = http2.connect(`http://${authority}`, { createConnection: () => socket })
  try {
    return await new Promise<ProbeResult>((resolve) => {
      const others = (probe.headers ?? []).filter(([name]) => name.toLowerCase() !== 'host')
      const head = { ':method': probe.method ?? 'GET', ':path': probe.path ?? '/', ':authority': authority, ...Object.fromEntries(others) }
      const stream = session.request(head)
      let body = ''
      let status: number | undefined
      setTimeout(() => resolve({ outcome: 'timeout' }), seconds * 1000).unref()
      stream.setEncoding('latin1')
      stream.on('response', (headers) => {
        status = headers[':status']
      })
      stream.on('data', (text: string) => (body += text))
      stream.on('end', () => resolve(status === undefined ? { outcome: 'closed' } : { outcome: 'answered', status, body }))
      stream.on('error', () => resolve({ outcome: 'closed' }))
      session.on('error', () => resolve({ outcome: 'closed' }))
      session.on('close', () => resolve({ outcome: 'closed' }))
      stream.end(probe.body)
    })
  } finally {
    session.destroy()
  }
}

interface Head {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const
  })
  return { status: Number(first.split(' ')[1]), headers }
}

function headerOf(headers: Head['headers'], name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1]
}

function isChunked(headers: Head['headers']): boolean {
  return (headerOf(headers, 'transfer-encoding') ?? '').includes('chunked')
}

/** Tells when a body is whole (RFC 9112 §6.3). */
function bodyRule(headers: Head['headers'], method: string, status: number): (text: string) => boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return () => true
  if (isChunked(headers)) return (text) => text.endsWith('0\r\n\r\n')
  const length = headerOf(headers, 'content-length')
  return length === undefined ? () => false : (text) => text.length >= Number(length)
}

function decodeBody(headers: Head['headers'], text: string): string {
  if (!isChunked(headers)) return text
  let body = ''
  for (let rest = text; ; ) {
    const end = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, end), 16)
    if (end < 0 || !(size > 0)) return body
    body += rest.slice(end + 2, end + 2 + size)
    rest = rest.slice(end + 2 + size + 2)
  }
}
