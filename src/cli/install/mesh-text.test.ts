// Holds that a changed setting moves nothing else in the text that it stands in.
import { describe, expect, it } from 'vitest'
import { setInText } from './mesh-text.ts'

const policy = ['outboundTrafficPolicy', 'mode']

const cases: Record<string, { text: string; path: readonly string[]; value: unknown; becomes: string }> = {
  'the two lines that sed scripts look for': {
    text: 'outboundTrafficPolicy:\n  mode: ALLOW_ANY\n',
    path: policy,
    value: 'REGISTRY_ONLY',
    becomes: 'outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n',
  },
  'a comment on the line, and what is around it': {
    text: '# ours\naccessLogFile:   "/dev/stdout"\noutboundTrafficPolicy:\n    mode: ALLOW_ANY # for now\nrootNamespace: istio-system',
    path: policy,
    value: 'REGISTRY_ONLY',
    becomes:
      '# ours\naccessLogFile:   "/dev/stdout"\noutboundTrafficPolicy:\n    mode: REGISTRY_ONLY # for now\nrootNamespace: istio-system',
  },
  'a map in braces': {
    text: 'outboundTrafficPolicy: {mode: ALLOW_ANY}\n',
    path: policy,
    value: 'X',
    becomes: 'outboundTrafficPolicy: {mode: X}\n',
  },
  'an empty map in braces': {
    text: 'outboundTrafficPolicy: {}\n',
    path: policy,
    value: 'ALLOW_ANY',
    becomes: 'outboundTrafficPolicy:\n  mode: ALLOW_ANY\n',
  },
  'nothing yet': { text: '', path: policy, value: 'ALLOW_ANY', becomes: 'outboundTrafficPolicy:\n  mode: ALLOW_ANY\n' },
  'a comment only': { text: '# empty\n', path: ['a'], value: 1, becomes: '# empty\na: 1\n' },
  'another key beside it': {
    text: 'outboundTrafficPolicy:\n  mode: ALLOW_ANY\n# the end\n',
    path: ['accessLogFile'],
    value: '/dev/stdout',
    becomes: 'outboundTrafficPolicy:\n  mode: ALLOW_ANY\naccessLogFile: /dev/stdout\n# the end\n',
  },
  'another key in a map below': {
    text: 'defaultProviders:\n    metrics: [a]\nx: 1\n',
    path: ['defaultProviders', 'accessLogging'],
    value: ['envoy'],
    becomes: 'defaultProviders:\n    metrics: [a]\n    accessLogging:\n      - envoy\nx: 1\n',
  },
  'after a text without a last line end': { text: 'a: 1', path: ['b'], value: true, becomes: 'a: 1\nb: true\n' },
  'a word that YAML would take for something else': { text: 'a: b\n', path: ['a'], value: 'no: yes', becomes: 'a: "no: yes"\n' },
  'a list in the place of a list': { text: 'a: [x, y] # two\nb: 1\n', path: ['a'], value: ['z'], becomes: 'a:\n  - z\nb: 1\n' },
}

describe('changes', () => {
  it.each(Object.entries(cases))('%s', (_name, { text, path, value, becomes }) => {
    expect(setInText(text, path, value).text).toBe(becomes)
  })

  it('nothing where the value is the same', () => {
    const text = 'outboundTrafficPolicy:   { mode:   ALLOW_ANY }\n'
    expect(setInText(text, policy, 'ALLOW_ANY')).toEqual({ text, before: 'ALLOW_ANY' })
  })

  it('nothing of a text that is no YAML', () => {
    expect(() => setInText('a: [', policy, 'X')).toThrow()
  })
})
