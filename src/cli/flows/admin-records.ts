// Reads flow records from the admin server of a running proxy: those that it remembers, and then each as it ends.
import { type IncomingMessage, request } from 'node:http'
import { messageOf } from '../../base/index.ts'
import type { AdminTarget } from '../admin-target.ts'
import { type RecordSource, SourceError } from './record-source.ts'
import { linesOf } from './stream-records.ts'

const CONNECT_MS = 5000
/** The server says something every few seconds, if only that it is there. */
const SILENCE_MS = 60_000

/** Rejects with `SourceError` (exit code 3) when nobody answers there. */
export async function openAdminRecords(name: string, target: AdminTarget, options: { readonly follow: boolean }): Promise<RecordSource> {
  const response = await ask(name, target, options.follow ? '/flows?follow' : '/flows')
  const lines = linesOf(response)
  return {
    name,
    order: 'oldest first',
    async history(visit) {
      // An empty line divides what was remembered from what is new.
      for (let next = await lines.next(); !next.done && next.value !== ''; next = await lines.next()) visit(next.value)
    },
    async follow(take, signal) {
      const stop = (): void => void response.destroy()
      signal.addEventListener('abort', stop)
      try {
        for await (const line of lines) if (line !== '') await take(line)
      } catch (error) {
        if (!signal.aborted) throw unreachable(name, messageOf(error))
      } finally {
        signal.removeEventListener('abort', stop)
      }
      if (!signal.aborted) throw unreachable(name, 'the proxy has ended, or closed the connection')
    },
    close: () => void response.destroy(),
  }
}

function ask(name: string, target: AdminTarget, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...target, path, headers: { host: 'localhost' }, timeout: CONNECT_MS, agent: false })
    asked.once('timeout', () => asked.destroy(new Error('no answer within 5 seconds')))
    asked.once('error', (error) => reject(unreachable(name, messageOf(error))))
    asked.once('response', (response) => {
      if (response.statusCode === 200) {
        response.socket.setTimeout(SILENCE_MS, () => void response.destroy(new Error('it has fallen silent')))
        resolve(response)
        return
      }
      response.resume()
      reject(unreachable(name, `it answers ${response.statusCode ?? 0} to ${path}`))
    })
    asked.end()
  })
}

function unreachable(name: string, why: string): SourceError {
  return new SourceError(3, `cannot read flows from ${name}: ${why}`, 'name the address that --admin was given')
}
