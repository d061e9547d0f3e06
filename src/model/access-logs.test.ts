// Holds the choice of access logs to Istio's order: root namespace, namespace, workload.
import { expect, test } from 'vitest'
import type { MeshConfig, Resource, TelemetrySpec } from '../api/index.ts'
import { modelOf, resource } from './model.test-kit.ts'

const telemetry = (name: string, spec: TelemetrySpec, namespace = 'default'): Resource => resource('Telemetry', name, spec, { namespace })
const to = (...names: readonly string[]): TelemetrySpec => ({ accessLogging: [{ providers: names.map((name) => ({ name })) }] })
const off: TelemetrySpec = { accessLogging: [{ disabled: true }] }

const extensionProviders = [
  { name: 'files', envoyFileAccessLog: { path: '/var/log/a' } },
  { name: 'json', envoyFileAccessLog: { path: '/var/log/j', logFormat: { labels: { code: '%RESPONSE_CODE%' } } } },
  { name: 'text', envoyFileAccessLog: { logFormat: { text: '%RESPONSE_CODE%' } } },
  { name: 'otel', opentelemetry: { service: 'o', port: 4317 } },
]

interface Case {
  readonly mesh?: MeshConfig
  readonly telemetries: readonly Resource[]
  readonly paths: readonly string[]
}

const file: MeshConfig = { accessLogFile: '/dev/stderr' }

const cases: Readonly<Record<string, Case>> = {
  'no Telemetry: the file of the mesh': { mesh: file, telemetries: [], paths: ['/dev/stderr'] },
  'no Telemetry, and the mesh says nothing': { telemetries: [], paths: [] },
  'the default providers of the mesh come before its file': {
    mesh: { ...file, defaultProviders: { accessLogging: ['files'] } },
    telemetries: [],
    paths: ['/var/log/a'],
  },
  'the provider that is always there': { telemetries: [telemetry('a', to('envoy'))], paths: ['/dev/stdout'] },
  'the namespace comes before the root': {
    telemetries: [telemetry('root', to('envoy'), 'istio-system'), telemetry('ns', to('files'))],
    paths: ['/var/log/a'],
  },
  'the workload comes before the namespace': {
    telemetries: [telemetry('ns', to('files')), telemetry('mine', { ...to('json'), selector: { matchLabels: { app: 'client' } } })],
    paths: ['/var/log/j'],
  },
  'a selector of other workloads': {
    telemetries: [telemetry('ns', to('files')), telemetry('theirs', { ...to('json'), selector: { matchLabels: { app: 'server' } } })],
    paths: ['/var/log/a'],
  },
  'two providers': { telemetries: [telemetry('ns', to('envoy', 'files'))], paths: ['/dev/stdout', '/var/log/a'] },
  'switched off for the namespace': {
    mesh: file,
    telemetries: [telemetry('root', to('envoy'), 'istio-system'), telemetry('ns', off)],
    paths: [],
  },
  'switched off where nothing is in force above: the file of the mesh, as in Istio': {
    mesh: file,
    telemetries: [telemetry('ns', off)],
    paths: ['/dev/stderr'],
  },
  'of what comes in only': {
    mesh: file,
    telemetries: [telemetry('ns', { accessLogging: [{ match: { mode: 'SERVER' }, providers: [{ name: 'files' }] }] })],
    paths: ['/dev/stderr'],
  },
  'of what goes out': {
    telemetries: [telemetry('ns', { accessLogging: [{ match: { mode: 'CLIENT' }, providers: [{ name: 'files' }] }] })],
    paths: ['/var/log/a'],
  },
  'a provider that is no file writes none': { mesh: file, telemetries: [telemetry('ns', to('otel'))], paths: [] },
  'a provider that nobody declares: the file of the mesh': {
    mesh: file,
    telemetries: [telemetry('ns', to('nobody'))],
    paths: ['/dev/stderr'],
  },
  'one that is for gateways of the Gateway API': {
    telemetries: [telemetry('ns', { ...to('files'), targetRefs: [{ kind: 'Gateway', name: 'g' }] })],
    paths: [],
  },
  'one of another namespace': { telemetries: [telemetry('ns', to('files'), 'beta')], paths: [] },
  'of two without a selector the older or first by name': {
    telemetries: [telemetry('b', to('files')), telemetry('a', to('json'))],
    paths: ['/var/log/j'],
  },
}

test.each(Object.entries(cases))('%s', (_, { mesh = {}, telemetries, paths }) => {
  const model = modelOf(telemetries, { mesh: { extensionProviders, ...mesh }, sallyport: {} })
  const plans = model.accessLogsOf({ namespace: 'default', labels: { app: 'client' } })
  expect(plans.map(({ path }) => path)).toEqual(paths)
})

test('the format goes with the place', () => {
  const model = modelOf([telemetry('a', to('json', 'text'))], { mesh: { extensionProviders }, sallyport: {} })
  expect(model.accessLogsOf({ namespace: 'default', labels: {} })).toEqual([
    { path: '/var/log/j', encoding: 'JSON', format: { labels: { code: '%RESPONSE_CODE%' } } },
    { path: '/dev/stdout', encoding: 'TEXT', format: { text: '%RESPONSE_CODE%' } },
  ])
})
