// Reads flow records from what can only be read onwards: standard input, or a named pipe.
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { LineSplitter } from './line-splitter.ts'
import type { RecordSource, Visit } from './record-source.ts'

/** All that it gives is history when nobody follows it, and all is new to who does. */
export function openStreamRecords(name: string, stream: Readable, options: { readonly follow: boolean }): RecordSource {
  return {
    name,
    order: 'oldest first',
    async history(visit: Visit) {
      if (options.follow) return
      for await (const line of linesOf(stream)) if (!visit(line)) return
    },
    async follow(take, signal) {
      const stop = (): void => void stream.destroy()
      signal.addEventListener('abort', stop)
      try {
        for await (const line of linesOf(stream)) await take(line)
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
    close: () => void stream.destroy(),
  }
}

/** The descriptor is closed with the source. */
export function openDescriptorRecords(name: string, fd: number, options: { readonly follow: boolean }): RecordSource {
  return openStreamRecords(name, createReadStream(name, { fd }), options)
}

/** Lines as they come, and the last one even if it has no line end. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const splitter = new LineSplitter()
  for await (const bytes of stream) for (const line of splitter.push(bytes)) yield line
  const rest = splitter.rest()
  if (rest !== '') yield rest
}
