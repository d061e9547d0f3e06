// Act 1, the HTTP walk-through: d2iq.com is open, refused, declared, and at last led through the egress gateway.
import { addresses } from '../plan.ts'
import type { Stage } from '../stage.ts'
import type { Act, Step } from '../step.ts'
import { curl, declare, expectAnswer, expectNobody, expectRecord, expectSeen, isRecord } from './typed.ts'

const { application, gateway, d2iq, other } = addresses

const underAllowAny: readonly Step<Stage>[] = [
  {
    name: 'http-allow-any',
    shows: 'under ALLOW_ANY the request goes straight to d2iq.com, from the application node',
    async play(stage, notebook) {
      expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200', 'd2iq.com')
      await expectSeen(stage, notebook, { kind: 'http', peer: application })
    },
  },
  {
    name: 'http-allow-any-record',
    shows: 'the record of that request says that it passed for want of a rule',
    async play(stage, notebook) {
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) => record.reason.code === 'allow-any' && isRecord({ verdict: 'allow', path: 'passthrough', host: 'd2iq.com' })(record),
      )
    },
  },
  {
    name: 'http-misspelt-mode',
    shows: 'a misspelt mode is refused with its place and a proposal; the last good configuration goes on serving',
    async play(stage, notebook) {
      const start = stage.shell().shown().length
      await declare(stage, notebook, 'mesh-misspelt.yaml', 'mesh.yaml')
      const place = await stage.shell().watch(/^.*mesh\.yaml:7:\d+.*$/m, start)
      const proposal = await stage.shell().watch(/^.*did you mean "?REGISTRY_ONLY.*$/m, start)
      notebook.expect('stderr', stage.shell().shown().slice(start), place !== undefined && proposal !== undefined)
      expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200')
      await expectSeen(stage, notebook, { kind: 'http', peer: application })
    },
  },
]

const underRegistryOnly: readonly Step<Stage>[] = [
  {
    name: 'http-registry-only',
    shows: 'under REGISTRY_ONLY the same request is refused, with the reason and what would allow it',
    async play(stage, notebook) {
      await declare(stage, notebook, 'mesh-registry-only.yaml', 'mesh.yaml')
      const answer = await curl(stage, notebook, '-i http://d2iq.com/')
      expectAnswer(notebook, answer, '403', 'd2iq.com', 'REGISTRY_ONLY', 'ServiceEntry', /^x-sallyport-decision: /im)
      await expectNobody(stage, notebook)
    },
  },
  {
    name: 'http-registry-only-record',
    shows: 'the record of the refusal names the policy that refused, with file and line',
    async play(stage, notebook) {
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) =>
          record.reason.code === 'not-declared' &&
          isRecord({ verdict: 'deny', path: 'none', host: 'd2iq.com' })(record) &&
          record.by?.kind === 'ConfigMap' &&
          record.by.file?.endsWith('mesh.yaml') === true &&
          record.by.line !== undefined,
      )
    },
  },
  {
    name: 'http-other-host',
    shows: 'another host is refused too, and not even its name was asked of the name server outside',
    async play(stage, notebook) {
      expectAnswer(notebook, await curl(stage, notebook, 'http://other.example.test/'), '403', 'other.example.test')
      const seen = await stage.outside.seen()
      notebook.expect('outside saw', seen.length === 0 ? 'nobody, and no question' : JSON.stringify(seen), seen.length === 0)
    },
  },
  {
    name: 'https-refused',
    shows: 'HTTPS is refused by its server name, with a TLS alert',
    async play(stage, notebook) {
      const answer = await curl(stage, notebook, 'https://other.example.test/')
      // How OpenSSL words the alert unrecognized_name.
      expectAnswer(notebook, answer, '000', /unrecognized name/)
      await expectNobody(stage, notebook)
      await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'deny', sni: 'other.example.test' }))
    },
  },
  {
    name: 'http-raw-address',
    shows: 'the bare address is no way round the name',
    async play(stage, notebook) {
      expectAnswer(notebook, await curl(stage, notebook, `http://${d2iq}/`), '403')
      await expectNobody(stage, notebook)
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) => record.verdict === 'deny' && record.destination === `${d2iq}:80` && record.reason.code === 'not-declared',
      )
    },
  },
]

const declared: readonly Step<Stage>[] = [
  {
    name: 'http-service-entry',
    shows: 'a ServiceEntry opens d2iq.com: the request goes there directly',
    async play(stage, notebook) {
      await declare(stage, notebook, 'd2iq-entry.yaml')
      expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200', 'd2iq.com')
      await expectSeen(stage, notebook, { kind: 'http', peer: application }, `at ${d2iq}`)
    },
  },
  {
    name: 'http-service-entry-record',
    shows: 'the record names the ServiceEntry that allowed it, with file and line',
    async play(stage, notebook) {
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) =>
          isRecord({ verdict: 'allow', path: 'direct', host: 'd2iq.com' })(record) &&
          record.by?.kind === 'ServiceEntry' &&
          `${record.by.namespace}/${record.by.name}` === 'default/d2iq' &&
          record.by.file?.endsWith('d2iq-entry.yaml') === true &&
          record.by.line !== undefined,
      )
    },
  },
  {
    name: 'https-by-server-name',
    shows: 'HTTPS to d2iq.com is open too, end to end: the sidecar reads the server name and nothing else',
    async play(stage, notebook) {
      expectAnswer(notebook, await curl(stage, notebook, 'https://d2iq.com/'), '200', 'd2iq.com')
      await expectSeen(stage, notebook, { kind: 'https', peer: application }, `at ${d2iq}`)
      await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'allow', path: 'direct', protocol: 'tls', sni: 'd2iq.com' }))
    },
  },
  {
    name: 'http-host-spoof',
    shows: 'an allowed name with the address of somebody else leads to the name’s own address',
    async play(stage, notebook) {
      const answer = await curl(stage, notebook, `-H 'Host: d2iq.com' http://${other}/`)
      expectAnswer(notebook, answer, '200', d2iq)
      await expectSeen(stage, notebook, { kind: 'http', peer: application }, `at ${d2iq}`)
      await expectRecord(
        stage.sidecar,
        notebook,
        (record) => record.destination === `${other}:80` && isRecord({ verdict: 'allow', host: 'd2iq.com', redialled: true })(record),
      )
    },
  },
]

const throughGateway: readonly Step<Stage>[] = [
  {
    name: 'http-gateway',
    shows: 'with Gateway, DestinationRule and VirtualService the same request reaches d2iq.com from the egress gateway',
    async play(stage, notebook) {
      await declare(stage, notebook, 'd2iq-gateway.yaml')
      expectAnswer(notebook, await curl(stage, notebook, 'http://d2iq.com/'), '200', 'd2iq.com')
      await expectSeen(stage, notebook, { kind: 'http', peer: gateway }, `at ${d2iq}`)
    },
  },
  {
    name: 'http-gateway-records',
    shows: 'both doors wrote it down, and the gateway’s record names the sidecar’s as its parent',
    async play(stage, notebook) {
      const first = await expectRecord(stage.sidecar, notebook, isRecord({ verdict: 'allow', path: 'gateway', host: 'd2iq.com' }))
      await expectRecord(
        stage.gateway,
        notebook,
        (record) => first !== undefined && record.parent === first.id && isRecord({ verdict: 'allow', host: 'd2iq.com' })(record),
      )
      notebook.expect('ids', `the sidecar's record is ${first?.id ?? 'missing'}`, first !== undefined)
    },
  },
  {
    name: 'http-gateway-undeclared',
    shows: 'what nothing declares stays refused, gateway or not',
    async play(stage, notebook) {
      expectAnswer(notebook, await curl(stage, notebook, 'http://other.example.test/'), '403', 'other.example.test')
      await expectNobody(stage, notebook)
    },
  },
  {
    name: 'http-explain',
    shows: '`sallyport explain` says of the same files what just happened',
    async play(stage, notebook) {
      const words = [
        'explain',
        '-f',
        stage.declarations.folder,
        '--from',
        'default/shell',
        '-l',
        'app=shell',
        '-o',
        'json',
        'http://d2iq.com/',
      ]
      notebook.did(`$ sallyport ${words.join(' ').replace(stage.declarations.folder, 'policy')}`)
      const [command = '', ...args] = stage.program(...words)
      const { stdout, stderr, code } = await stage.application.exec(command, args)
      const isAgreed = code === 0 && /"verdict": "allow"/.test(stdout) && /^ {2}"path": "gateway"/m.test(stdout)
      const told = ['verdict', 'path'].map((name) => new RegExp(`^ {2}"${name}": "(\\w+)"`, 'm').exec(stdout)?.[0].trim() ?? stderr)
      notebook.expect('explain', told.join(', '), isAgreed)
    },
  },
]

export const httpAct: Act<Stage> = {
  title: 'HTTP, with curl: from ALLOW_ANY to an egress gateway',
  async prepare(stage) {
    await stage.declarations.put('gateway-node.yaml')
    await stage.declarations.put('mesh-allow-any.yaml', 'mesh.yaml')
    await Promise.all([stage.startGateway(), stage.openShell()])
  },
  steps: [...underAllowAny, ...underRegistryOnly, ...declared, ...throughGateway],
}
