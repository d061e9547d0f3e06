// `sallyport kube-inject` as a shell calls it: pipes, several files, and what it says of what it cannot read.
import { spawnSync } from 'node:child_process'
import { afterAll, describe, expect, it } from 'vitest'
import { bundled } from '../support/outside-servers.ts'
import { openFiles, sallyport } from './cli.ts'

const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: busybox}\nspec:\n  containers:\n  - {name: busybox, image: busybox}\n'

describe('kube-inject', () => {
  const files = openFiles()
  afterAll(() => files.remove())

  it('reads a process substitution, which is there only once', () => {
    const path = files.write('busybox.yaml', pod)
    const program = [process.execPath, bundled('bin.js')].join(' ')
    const line = `cat <(${program} kube-inject -f <(cat ${path}) --hub istio --tag 1.27.1)`
    const { stdout, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/name: istio-proxy\n\s+image: istio\/proxyv2:1\.27\.1/)
  })

  it('reads standard input, and says on standard error who stays without', async () => {
    const { stdout, stderr, code } = await sallyport(['kube-inject', '-f', '-'], pod.replace('spec:', 'spec:\n  hostNetwork: true'))
    expect(stdout).toBe(pod.replace('spec:', 'spec:\n  hostNetwork: true'))
    expect(stderr).toMatch(/^Pod busybox stays without a sidecar: hostNetwork/)
    expect(code).toBe(0)
  })

  it('puts several files into one stream of documents', async () => {
    const [one, two] = [files.write('one.yaml', pod), files.write('two.yaml', pod.replaceAll('busybox', 'other').trimEnd())]
    const { stdout } = await sallyport(['kube-inject', '-f', one, '-f', two, '--image', 'mine'])
    expect(stdout.match(/^---$/gm)).toHaveLength(1)
    expect(stdout.match(/image: mine/g)).toHaveLength(4)
  })

  it('names the file that it cannot read, and prints nothing', async () => {
    for (const path of [`${files.folder}/none.yaml`, files.write('broken.yaml', 'a: [\n')]) {
      const { stdout, stderr, code } = await sallyport(['kube-inject', '-f', path])
      expect(stderr).toContain(path)
      expect([stdout, code]).toEqual(['', 4])
    }
  })
})
