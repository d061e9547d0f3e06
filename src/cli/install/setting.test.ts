// Holds which setting a key of `--set` means, which are mended, and what is said of the others.
import { describe, expect, it } from 'vitest'
import { SallyportError } from '../../base/index.ts'
import { collectSettings } from './settings.ts'

const meant: Record<string, { set: string; becomes: readonly (readonly [string, unknown])[] }> = {
  'the key of MeshConfig': {
    set: 'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY',
    becomes: [['mesh outboundTrafficPolicy.mode', 'REGISTRY_ONLY']],
  },
  'the key of the charts': {
    set: 'global.outboundTrafficPolicy.mode=ALLOW_ANY',
    becomes: [['mesh outboundTrafficPolicy.mode', 'ALLOW_ANY']],
  },
  'the same as istioctl writes it': {
    set: 'values.global.outboundTrafficPolicy.mode=ALLOW_ANY',
    becomes: [['mesh outboundTrafficPolicy.mode', 'ALLOW_ANY']],
  },
  'several at once': {
    set: 'meshConfig.accessLogFile=/dev/stdout,meshConfig.proxyHttpPort=15001',
    becomes: [
      ['mesh accessLogFile', '/dev/stdout'],
      ['mesh proxyHttpPort', 15_001],
    ],
  },
  'a list, and a comma that is none': {
    set: String.raw`meshConfig.defaultServiceExportTo={.,*},meshConfig.accessLogFormat=a\,b`,
    becomes: [
      ['mesh defaultServiceExportTo', ['.', '*']],
      ['mesh accessLogFormat', 'a,b'],
    ],
  },
  'a word that stays a word': { set: 'meshConfig.rootNamespace=1', becomes: [['mesh rootNamespace', '1']] },
  'a setting of our own': { set: 'sallyport.dns.autoAllocate=true', becomes: [['sallyport dns.autoAllocate', true]] },
  'what nobody checks': {
    set: 'meshConfig.defaultConfig.holdApplicationUntilProxyStarts=true',
    becomes: [['mesh defaultConfig.holdApplicationUntilProxyStarts', true]],
  },
}

describe('--set means', () => {
  it.each(Object.entries(meant))('%s', (_name, { set, becomes }) => {
    const { settings, warnings } = collectSettings([], [set])
    expect(settings.map(({ text, path, value }) => [`${text} ${path.join('.')}`, value])).toEqual(becomes)
    expect(warnings).toEqual([])
  })
})

const mended: Record<string, string> = {
  'global.outboundTrafficPolicymode': 'global.outboundTrafficPolicy.mode',
  'meshConfig.outbound_traffic_policy.mode': 'meshConfig.outboundTrafficPolicy.mode',
  'meshconfig.outboundTrafficPolicy.Mode': 'meshConfig.outboundTrafficPolicy.mode',
}

describe('a key that is nearly right is taken for what it means, and said:', () => {
  it.each(Object.entries(mended))('%s', (written, right) => {
    const { settings, warnings } = collectSettings([], [`${written}=REGISTRY_ONLY`])
    expect(settings.map(({ path, value }) => [path.join('.'), value])).toEqual([['outboundTrafficPolicy.mode', 'REGISTRY_ONLY']])
    expect(warnings).toEqual([`${written} is spelt ${right}; it is taken as that`])
  })
})

const refused: Record<string, { set: string; says: RegExp }> = {
  'a key with a slip': {
    set: 'meshConfig.outboundTrafficPolicy.mod=ALLOW_ANY',
    says: /did you mean meshConfig\.outboundTrafficPolicy\.mode\?/,
  },
  'a key of something else': { set: 'gateways.istio-egressgateway.enabled=true', says: /known are global\.outboundTrafficPolicy\.mode/ },
  'a mode that there is not': { set: 'global.outboundTrafficPolicy.mode=REGISTER_ONLY', says: /did you mean REGISTRY_ONLY\?/ },
  'a number that is none': { set: 'meshConfig.proxyHttpPort=many', says: /proxyHttpPort must be a whole number/ },
  'an entry of a list': { set: 'meshConfig.extensionProviders[0].name=x', says: /set the whole list/ },
  'no value': { set: 'meshConfig', says: /write --set/ },
}

describe('--set is refused with', () => {
  it.each(Object.entries(refused))('%s', (_name, { set, says }) => {
    let said = ''
    try {
      collectSettings([], [set])
    } catch (error) {
      said = error instanceof SallyportError ? `${error.message}\n${error.fix ?? ''}` : String(error)
    }
    expect(said).toMatch(says)
  })
})
