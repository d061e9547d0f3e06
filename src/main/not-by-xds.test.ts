// Holds that whoever serves configuration is told what of it no proxy hears of.
import { expect, test } from 'vitest'
import { readSources } from '../config/index.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notByXds } from './not-by-xds.ts'

const telemetry = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logs, namespace: shop}
spec: {accessLogging: [{providers: [{name: file}]}]}
`
const mesh = (data: Readonly<Record<string, string>>): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data })}\n`
const file = 'extensionProviders: [{name: file, envoyFileAccessLog: {path: /dev/stdout}}]\n'

const cases: Record<string, readonly [string, readonly RegExp[]]> = {
  nothing: [mesh({ mesh: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}' }), []],
  'a Telemetry': [`${mesh({ mesh: file })}---\n${telemetry}`, [/^access logs \(Telemetry shop\/logs\): .*--access-log$/]],
  'all of it': [
    mesh({ mesh: 'accessLogFile: /dev/stdout\nproxyHttpPort: 3128', sallyport: 'dns: {undeclared: nxdomain}' }),
    [/^access logs \(accessLogFile of the mesh\)/, /^proxyHttpPort 3128 .*--http-proxy-port 3128$/, /^dns\.undeclared nxdomain/],
  ],
}

test.each(Object.entries(cases))('%s', (_name, [text, said]) => {
  const folder = mkdtempSync(join(tmpdir(), 'not-by-xds-'))
  writeFileSync(join(folder, 'mesh.yaml'), text)
  const config = readSources([folder], {})
  rmSync(folder, { recursive: true })
  expect(config.issues.filter(({ level }) => level === 'error')).toEqual([])
  expect(notByXds(config)).toEqual(said.map((pattern) => expect.stringMatching(pattern)))
})
