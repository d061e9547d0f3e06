// The program that a workload runs in tests: reads one probe as JSON a line on stdin, plays it, answers one JSON line.
import { createInterface } from 'node:readline'
import type {
  ClientHelloProbe,
  ConversationProbe,
  HeldProbe,
  HoldProbe,
  HttpProbe,
  Probe,
  ProbeReport,
  ProbeResult,
  RedisProbe,
  TcpProbe,
} from './probe.ts'
import { askInHttp2, readResponse, requestBytes } from './probe-http.ts'
import { clientHello, defaultSeconds, dial, lineOf, secure } from './probe-wire.ts'
import type { Line, Read, TlsPlan } from './probe-wire.ts'

const held = new Map<string, Line>()

function play(probe: Probe): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'http':
      return playHttp(probe, undefined)
    case 'h2c':
      return playHttp2(probe)
    case 'https':
      return playHttp(probe, { sni: probe.sni, alpn: probe.alpn })
    case 'tcp':
      return playTcp(probe)
    case 'redis':
      return playRedis(probe)
    case 'conversation':
      return playConversation(probe)
    case 'clienthello':
      return playClientHello(probe)
    case 'hold':
      return playHold(probe)
    case 'held':
      return playHeld(probe)
  }
}

/** Dials, lets `talk` have the line, closes it; whatever fails becomes the outcome. */
async function converse(
  probe: { readonly dial: string; readonly timeout?: number },
  plan: TlsPlan | undefined,
  talk: (line: Line, seconds: number) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  const seconds = probe.timeout ?? defaultSeconds
  try {
    const plain = await dial(probe.dial, seconds)
    const line = lineOf(plan === undefined ? plain : await secure(plain, plan, seconds))
    try {
      return await talk(line, seconds)
    } finally {
      line.close()
    }
  } catch (error) {
    return { outcome: error instanceof Error ? error.message : String(error) }
  }
}

function playHttp(probe: HttpProbe, plan: TlsPlan | undefined): Promise<ProbeResult> {
  return converse(probe, plan, (line, seconds) => {
    line.send(requestBytes(probe))
    return readResponse(line, probe.method ?? 'GET', seconds)
  })
}

async function playHttp2(probe: HttpProbe): Promise<ProbeResult> {
  const seconds = probe.timeout ?? defaultSeconds
  try {
    return await askInHttp2(await dial(probe.dial, seconds), probe, seconds)
  } catch (error) {
    return { outcome: error instanceof Error ? error.message : String(error) }
  }
}

function playTcp(probe: TcpProbe): Promise<ProbeResult> {
  return converse(probe, probe.tls === true ? { sni: probe.sni } : undefined, async (line, seconds) => {
    let data = ''
    if (probe.serverFirst === true) {
      const greeting = await line.read(seconds)
      if ('ended' in greeting) return { outcome: greeting.ended }
      data += textOf(greeting)
    }
    if (probe.send !== undefined) {
      line.send(probe.send)
      const answer = await line.read(seconds)
      if ('ended' in answer && data === '') return { outcome: answer.ended }
      data += textOf(answer)
    }
    return data === '' ? { outcome: 'closed' } : { outcome: 'answered', data }
  })
}

/** PING and CLIENT INFO to a real Redis, which says from where it was reached. */
function playRedis(probe: RedisProbe): Promise<ProbeResult> {
  return converse(probe, undefined, async (line, seconds) => {
    line.send('*1\r\n$4\r\nPING\r\n*2\r\n$6\r\nCLIENT\r\n$4\r\nINFO\r\n')
    let text = ''
    while (!/laddr=\S+ /.test(text)) {
      const read = await line.read(seconds)
      if ('ended' in read)
        return text === '' ? { outcome: read.ended } : { outcome: 'answered', pong: text.startsWith('+PONG'), data: text }
      text += textOf(read)
    }
    const field = (name: string): string => new RegExp(`\\b${name}=(\\S+)`).exec(text)?.[1] ?? ''
    return { outcome: 'answered', pong: text.startsWith('+PONG'), peer: field('addr').replace(/:\d+$/, ''), local: field('laddr') }
  })
}

function playConversation(probe: ConversationProbe): Promise<ProbeResult> {
  return converse(probe, undefined, async (line) => {
    let text = ''
    let ended = 'timeout'
    for (const part of probe.sends) {
      line.send(part)
      for (;;) {
        const read = await line.read((probe.quietMs ?? 700) / 1000)
        if ('ended' in read) ended = read.ended
        if ('ended' in read) break
        text += textOf(read)
      }
    }
    const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d\d\d)/g)].map((match) => Number(match[1]))
    // A line that is still open but silent had no byte either.
    return { outcome: text !== '' ? 'answered' : ended === 'timeout' ? 'closed' : ended, statuses, data: text.slice(0, 120) }
  })
}

async function playClientHello(probe: ClientHelloProbe): Promise<ProbeResult> {
  const hello = inRecords(await clientHello(probe.sni), probe.records)
  return converse(probe, undefined, async (line, seconds) => {
    const size = probe.pieces ?? hello.length
    for (let at = 0; at < hello.length; at += size) {
      line.send(hello.subarray(at, at + size))
      // Apart on the wire, or they would arrive as one.
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const read = await line.read(seconds)
    if ('ended' in read) return { outcome: read.ended }
    return { outcome: read.bytes[0] === 0x16 ? 'answered' : read.bytes[0] === 0x15 ? 'alert' : 'closed' }
  })
}

function inRecords(hello: Buffer, size: number | undefined): Buffer {
  if (size === undefined) return hello
  const records: Buffer[] = []
  for (let at = 5; at < hello.length; at += size) {
    const part = hello.subarray(at, at + size)
    records.push(hello.subarray(0, 3), Buffer.from([part.length >> 8, part.length & 0xff]), part)
  }
  return Buffer.concat(records)
}

async function playHold(probe: HoldProbe): Promise<ProbeResult> {
  try {
    const line = lineOf(await dial(probe.dial, probe.timeout ?? defaultSeconds))
    held.set(probe.id, line)
    return await speak(line, probe.send, probe.timeout ?? defaultSeconds)
  } catch (error) {
    return { outcome: error instanceof Error ? error.message : String(error) }
  }
}

async function playHeld(probe: HeldProbe): Promise<ProbeResult> {
  const line = held.get(probe.of)
  return line === undefined ? { outcome: 'error:nothing-held' } : speak(line, probe.send, probe.timeout ?? 3)
}

async function speak(line: Line, text: string, seconds: number): Promise<ProbeResult> {
  line.send(text)
  const read = await line.read(seconds)
  if ('ended' in read) return { outcome: read.ended }
  const firstLine = textOf(read).split('\n')[0]?.trim() ?? ''
  const status = /^HTTP\/1\.[01] (\d\d\d)/.exec(firstLine)?.[1]
  return { outcome: 'answered', firstLine, ...(status === undefined ? {} : { status: Number(status) }) }
}

function textOf(read: Read): string {
  return 'bytes' in read ? read.bytes.toString('latin1') : ''
}

async function playMany(probe: Probe, count: number): Promise<readonly ProbeResult[]> {
  const results: ProbeResult[] = []
  let begun = 0
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1
      results.push(await play(probe))
    }
  }
  await Promise.all(Array.from({ length: probe.concurrency ?? 1 }, work))
  return results
}

async function report(probe: Probe): Promise<ProbeReport> {
  const start = performance.now()
  const result = (probe.count ?? 1) > 1 ? { many: await playMany(probe, probe.count ?? 1) } : await play(probe)
  return { ...result, ms: Math.round(performance.now() - start) }
}

process.stdout.write('{"ready":true}\n')
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await report(JSON.parse(line) as Probe))}\n`)
}
process.exit(0)
