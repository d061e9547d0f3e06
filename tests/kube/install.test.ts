// `sallyport install --set` against `sallyport serve`, beside the kubectl and sed of the texts.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ran as Said, sallyport } from '../cli/cli.ts'
import { hasKubectl, kubectlOf, type Ran, type ServedApi, serveApi, temporaryDirectory } from './served-api.ts'

describe.skipIf(!hasKubectl())('settings of the mesh', () => {
  const data = temporaryDirectory()
  const home = temporaryDirectory()
  let api: ServedApi
  let kubectl: (args: readonly string[], input?: string) => Promise<Ran>
  const install = (...args: readonly string[]): Promise<Said> =>
    sallyport(['install', '--kubeconfig', join(data.path, 'kubeconfig'), ...args])
  const mesh = async (): Promise<string> => (await kubectl(['get', 'cm', 'istio', '-n', 'istio-system', '-o', 'jsonpath={.data.mesh}'])).out

  beforeAll(async () => {
    api = await serveApi(data.path)
    kubectl = kubectlOf(data.path, home.path)
  })
  afterAll(async () => {
    await api.kill('SIGTERM')
    data.remove()
    home.remove()
  })

  it('are changed where they stand, so that the texts’ sed finds them afterwards', async () => {
    const { stdout, code } = await install('--set', 'global.outboundTrafficPolicy.mode=REGISTRY_ONLY')
    expect(stdout).toMatch(
      /^global\.outboundTrafficPolicy\.mode: ALLOW_ANY → REGISTRY_ONLY\nconfigmap\/istio in istio-system configured at https:/,
    )
    expect(code).toBe(0)
    expect(await mesh()).toBe('outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n')
    const { out } = await kubectl(['get', 'configmap', 'istio', '-n', 'istio-system', '-o', 'yaml'])
    const edited = out.replaceAll('mode: REGISTRY_ONLY', 'mode: ALLOW_ANY')
    expect((await kubectl(['replace', '-n', 'istio-system', '-f', '-'], edited)).out).toContain('configmap/istio replaced')
    expect(await mesh()).toBe('outboundTrafficPolicy:\n  mode: ALLOW_ANY\n')
  })

  it('are understood as the text misspells them, with a warning', async () => {
    const { stdout, stderr } = await install('--dry-run', '--set', 'global.outboundTrafficPolicymode=REGISTRY_ONLY')
    expect(stderr).toBe('Warning: global.outboundTrafficPolicymode is spelt global.outboundTrafficPolicy.mode; it is taken as that\n')
    expect(stdout).toContain('configured (server dry run)')
    expect(await mesh()).toContain('mode: ALLOW_ANY')
  })

  it('come from a file of values, and leave alone what it does not name', async () => {
    const values = join(home.path, 'values.yaml')
    writeFileSync(values, 'meshConfig:\n  accessLogFile: /dev/stdout\nglobal:\n  outboundTrafficPolicy: {mode: ALLOW_ANY}\n')
    const { stdout } = await install('-f', values)
    expect(stdout).toMatch(/^meshConfig\.accessLogFile: not set → \/dev\/stdout\nconfigmap/)
    expect(await mesh()).toBe('outboundTrafficPolicy:\n  mode: ALLOW_ANY\naccessLogFile: /dev/stdout\n')
    expect((await install('-f', values)).stdout).toMatch(/^configmap\/istio in istio-system unchanged/)
  })

  it('that the server does not take are its refusal', async () => {
    const { stderr, code } = await install('--set', 'meshConfig.connectTimeout=0s')
    expect(stderr).toMatch(/^sallyport: https:\S+ answers: ConfigMap "istio" is invalid: .*connectTimeout/)
    expect(code).toBe(1)
  })

  it('that nobody has are an error that says which was meant', async () => {
    const { stderr, code } = await install('--set', 'meshConfig.outboundTrafficPolicy.mode=REGISTER_ONLY')
    expect(stderr).toMatch(/did you mean REGISTRY_ONLY/)
    expect(code).toBe(4)
  })

  it('are not misspelt by kubectl either', async () => {
    const { out } = await kubectl(['get', 'configmap', 'istio', '-n', 'istio-system', '-o', 'yaml'])
    const { err, code } = await kubectl(['replace', '-f', '-'], out.replaceAll('mode: ALLOW_ANY', 'mode: REGISTER_ONLY'))
    expect(err).toMatch(/cannot be "REGISTER_ONLY"; did you mean REGISTRY_ONLY/)
    expect(code).toBe(1)
  })

  it('survive what others write at the same time', async () => {
    await Promise.all([
      install('--set', 'meshConfig.rootNamespace=istio-system'),
      install('--set', 'meshConfig.connectTimeout=5s'),
      install('--set', 'sallyport.strictness=strict'),
    ])
    expect(await mesh()).toMatch(/rootNamespace: istio-system/)
    expect(await mesh()).toMatch(/connectTimeout: 5s/)
  })

  it('are for whoever finds the server', async () => {
    const { stderr, code } = await sallyport(['install', '--kubeconfig', join(home.path, 'none'), '--set', 'meshConfig.accessLogFile='])
    expect(stderr).toMatch(/kubeconfig .* cannot be read/)
    expect(code).toBe(2)
  })
})
