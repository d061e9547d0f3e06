// Holds that a kubeconfig keeps what others have in it, and is left alone when it cannot be understood.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { writeKubeconfig } from './index.ts'

const ours = { server: 'https://127.0.0.1:6443', authority: 'PEM', token: 'secret' }

describe('a kubeconfig', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config')
  })
  afterEach(() => rmSync(join(path, '..'), { recursive: true }))

  it('is for its owner alone, and keeps the clusters of others', () => {
    writeFileSync(path, 'apiVersion: v1\nkind: Config\nclusters: [{name: theirs, cluster: {server: "https://a"}}]\n')
    writeKubeconfig(path, ours)
    writeKubeconfig(path, ours)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const written = parse(readFileSync(path, 'utf8'))
    expect(written.clusters.map(({ name }: { name: string }) => name)).toEqual(['theirs', 'sallyport'])
    expect(written['current-context']).toBe('sallyport')
  })

  it.each(['a: [', '- a list'])('is left as it is when it is none: %s', (text) => {
    writeFileSync(path, text)
    expect(() => writeKubeconfig(path, ours)).toThrow(expect.objectContaining({ code: 'SLP0008', message: expect.stringContaining(path) }))
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
})
