// Holds what a sealed command finds of the machinery beside it: nothing that it could use to get round its sidecar.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documents, serviceEntry } from '../support/declare.ts'
import { bundled } from '../support/outside-servers.ts'
import { openFolder, runSidecar, startSidecar, users } from '../support/sidecar.ts'
import { StandardWorld } from '../support/standard-world.ts'

const stand = new StandardWorld()

const web = serviceEntry({ host: 'd2iq.com', port: 80, protocol: 'HTTP' })
const throughGateway = documents(
  web,
  `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: default}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [d2iq.com]}]
`,
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: way, namespace: default}
spec:
  hosts: [d2iq.com]
  gateways: [out, mesh]
  http:
  - match: [{gateways: [mesh], uri: {prefix: /allowed}}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 80}}}]
  - match: [{gateways: [out]}]
    route: [{destination: {host: d2iq.com, port: {number: 80}}}]
`,
)

describe.each(Object.entries(users))('as %s', (_name, user) => {
  test('the sockets of a gateway beside the sidecar do not exist for the command', async () => {
    // The command is told where they are, and still does not find them; the gateway itself is there and serves.
    const script =
      'echo up; while [ ! -s told ]; do sleep 0.05; done; read at < told; ls -d "$at" "$at"/*; curl -s -o answer -w "%{http_code}" http://d2iq.com/allowed'
    const sidecar = startSidecar(stand.w1, { declarations: throughGateway, command: ['sh', '-c', script], ...user })
    await sidecar.running.says('up')
    const found = await stand.w1.exec('sh', ['-c', 'ps -e -o args= | sed -n "s/.* gateway --sockets \\([^ ]*\\) .*/\\1/p" | head -n 1'])
    const place = found.stdout.trim()
    expect(place).not.toBe('')
    expect((await stand.w1.exec('ls', [place])).stdout).toContain('80.sock')
    writeFileSync(join(sidecar.folder, 'told'), `${place}\n`)
    const { stdout, stderr, records } = await sidecar.finish()
    expect(stdout.replace('up', '').trim()).toBe('200')
    expect(stderr).toMatch(/No such file or directory/)
    expect(records.map(({ role, path }) => `${role} ${path}`).toSorted()).toEqual(['gateway direct', 'sidecar gateway'])
    expect((await stand.w1.exec('ls', ['-d', place])).code).not.toBe(0)
  })

  test('nor does a run begin where the command could see them', async () => {
    const { code, stdout, stderr } = await runSidecar(stand.w1, {
      declarations: throughGateway,
      options: ['--expose', '/dev/shm', '--expose', '/run'],
      command: ['echo', 'ran'],
      ...user,
    })
    expect({ code, stdout }).toEqual({ code: 125, stdout: '' })
    expect(stderr).toMatch(/need a folder of their own/)
  })
})

const policy = (namespace: string, spec: string) => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guard, namespace: ${namespace}}
spec: ${spec}
`

describe('what is understood and not carried out', () => {
  test('is said and denied where it governs, and keeps no command from starting', async () => {
    const declarations = documents(web, policy('elsewhere', '{}'))
    const { code, stderr } = await runSidecar(stand.w1, { declarations, command: ['curl', '-fsS', '-o', '/dev/null', 'http://d2iq.com/'] })
    expect(code).toBe(0)
    expect(stderr).toMatch(/AuthorizationPolicy is understood but not carried out yet/)
  })
})

describe('declarations', () => {
  test('may come by a pipe, which nobody can change', async () => {
    const { code, stdout } = await stand.w1.exec(
      'bash',
      ['-c', `${process.execPath} ${bundled('bin.js')} run -f <(printf %s "$POLICY") --outbound REGISTRY_ONLY -- echo ran`],
      { env: { POLICY: web } },
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' })
  })

  test('cannot be changed by the command that they are for', async () => {
    const script = 'cat evil.yaml >> policy.yaml; sleep 1; curl -s -o /dev/null -w "%{http_code}" http://plain.example.test/'
    const sidecar = startSidecar(stand.w1, {
      declarations: web,
      command: ['sh', '-c', `printf '%s' "$EVIL" > evil.yaml; ${script}`],
      env: { EVIL: `---\n${serviceEntry({ host: 'plain.example.test', port: 80, protocol: 'HTTP' })}` },
    })
    const { stdout, stderr } = await sidecar.finish()
    expect(stdout).toBe('403')
    expect(stderr).toMatch(/policy\.yaml: Read-only file system/)
  })
})

describe('a gateway', () => {
  test('does not start on a policy that is not valid, and would not be enforced', async () => {
    const folder = openFolder()
    const file = join(folder, 'policy.yaml')
    writeFileSync(file, documents(throughGateway, 'apiVersion: security.istio.io/v1\nkind: AuthorisationPolicy\nmetadata: {name: guard}\n'))
    const args = [bundled('bin.js'), 'gateway', '-n', 'istio-system', '-l', 'istio=egressgateway', '-f', file, '--from', '198.18.0.0/24']
    const { code, stderr } = await stand.w1.exec(process.execPath, args, { timeoutMs: 20_000 })
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/so the gateway is not started/)
  })
})
