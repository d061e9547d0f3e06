// The program by which the simulation calls, from inside the seal or beside a gateway: one call as JSON a line on stdin, one answer a line on stdout.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { CallerAnswer, CallerOrder } from './caller-order.ts'

/** A gateway's port that is just being bound is dialled again. */
const dialledForMs = 1500
const againMs = 10
/** One request is all that is asked. */
const afterAnswerMs = 5

function talk(order: CallerOrder, since = performance.now()): Promise<string> {
  const { ip, port, from, words, silenceMs } = order
  return new Promise((resolve) => {
    let answer = ''
    let refused = false
    const socket = connect({ host: ip, port, localPort: from }, () => void socket.write(Buffer.from(words, 'latin1')))
    const silence = setTimeout(() => socket.end(), silenceMs)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      setTimeout(() => socket.end(), afterAnswerMs)
    })
    socket.on('error', (error) => {
      refused = 'code' in error && error.code === 'ECONNREFUSED'
    })
    socket.on('close', () => {
      clearTimeout(silence)
      if (!refused || performance.now() - since > dialledForMs) resolve(answer)
      else setTimeout(() => void talk(order, since).then(resolve), againMs)
    })
  })
}

process.stdout.write('{"ready":true}\n')
createInterface(process.stdin)
  .on('line', (line) => {
    const order = JSON.parse(line) as CallerOrder
    void talk(order).then((answer) => {
      process.stdout.write(`${JSON.stringify({ from: order.from, answer } satisfies CallerAnswer)}\n`)
    })
  })
  .on('close', () => process.exit(0))
