// Holds how the last frame of an exec is read, whatever is in it.
import { expect, test } from 'vitest'
import { execEnd } from './exec-end.ts'

const exited = (message: string): object => ({ status: 'Failure', message: 'it', details: { causes: [{ reason: 'ExitCode', message }] } })

const frames: Record<string, { readonly text: string; readonly end: ReturnType<typeof execEnd> }> = {
  'a success': { text: '{"metadata":{},"status":"Success"}', end: { code: 0 } },
  'an exit code': { text: JSON.stringify(exited('7')), end: { code: 7, says: 'command terminated with exit code 7' } },
  'an exit code that is none': { text: JSON.stringify(exited('seven')), end: { code: 1, says: 'it' } },
  'a failure with a sentence': { text: '{"status":"Failure","message":"the Pod is gone"}', end: { code: 1, says: 'the Pod is gone' } },
  'causes that are no list': { text: '{"status":"Failure","details":{"causes":{}}}', end: { code: 1, says: 'it has failed' } },
  'no JSON': { text: 'It broke', end: undefined },
  'half of a Status': { text: '{"status":"Succ', end: undefined },
  'JSON that is no Status': { text: '[1]', end: undefined },
  nothing: { text: '', end: undefined },
}

test.each(Object.entries(frames))('%s', (_name, { text, end }) => {
  expect(execEnd(Buffer.from(text))).toEqual(end)
})
