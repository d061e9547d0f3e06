// Keeps what a kube-apiserver answered, and holds it, where one is there, to what that answers now.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startRealApi, witnessPrograms } from './real-api.ts'
import { type Reached, temporaryDirectory } from './served-api.ts'

/** What was recorded under this name; `RECORD=1` records anew. */
export async function realAnswers<T>(name: string, play: (api: Reached) => Promise<T>): Promise<T> {
  const path = join(import.meta.dirname, 'testdata', `${name}.json`)
  if (witnessPrograms !== undefined) {
    const answers = await played(witnessPrograms, play)
    if (process.env['RECORD'] === '1') writeFileSync(path, `${JSON.stringify(answers, null, 1)}\n`)
    else expect(answers, 'what a kube-apiserver answers now is not what was recorded').toEqual(JSON.parse(readFileSync(path, 'utf8')))
  }
  return JSON.parse(readFileSync(path, 'utf8'))
}

async function played<T>(programs: string, play: (api: Reached) => Promise<T>): Promise<T> {
  const directory = temporaryDirectory()
  const api = await startRealApi(programs, directory.path)
  try {
    return await play(api)
  } finally {
    await api.close()
    directory.remove()
  }
}
