// Asks once over HTTP/2 in clear, to see an answer.
import { connect } from 'node:http2'
import { type Done, type Job, requestHeaders } from './jobs.ts'

/** What is answered is told as HTTP/1.1 would write it. */
export function ask2({ at, host, path }: Extract<Job, { job: 'ask2' }>): Promise<Done> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const session = connect(`http://${at.host}:${at.port}`)
    session.once('error', reject)
    session.setTimeout(5000, () => session.destroy(new Error(`no answer from ${at.host}:${at.port}`)))
    const stream = session.request({ ':authority': host, ':path': path, ...requestHeaders })
    stream.once('error', reject)
    let head = ''
    let body = ''
    stream.once('response', ({ ':status': status, ...fields }) => {
      head = [`HTTP/2 ${status} `, ...Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`)].join('\r\n')
    })
    stream.setEncoding('latin1')
    stream.on('data', (more: Buffer | string) => {
      body += String(more)
    })
    stream.once('end', () => {
      session.destroy()
      resolve({ done: 1, failed: 0, seconds: (performance.now() - began) / 1000, answer: `${head}\r\n\r\n${body}` })
    })
  })
}
