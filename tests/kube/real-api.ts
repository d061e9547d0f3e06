// Starts the unmodified kube-apiserver of tests/kube/witness with its etcd and its controller manager, beside which ours is held.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openServerFiles, writeKubeconfig } from '../../src/apiserver/index.ts'
import { askApi, type Reached } from './served-api.ts'

export interface RealApi extends Reached {
  close(): Promise<void>
}

/** Where `make witness` puts the programs; undefined where nobody asks for them. */
export const witnessPrograms = process.env['WITNESS']

const READY_MS = 60_000

/** The folder holds afterwards what that of `serve` holds: `pki` and `kubeconfig`. */
export async function startRealApi(programs: string, directory: string): Promise<RealApi> {
  const [client, peer, secure] = await freePorts(3)
  const url = `https://127.0.0.1:${secure}`
  const { authority, adminToken } = await openServerFiles(join(directory, 'pki'), ['127.0.0.1', 'localhost'])
  writeKubeconfig(join(directory, 'kubeconfig'), { server: url, authority, token: adminToken })
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(directory, 'sa.key'), keys.privateKey.export({ type: 'sec1', format: 'pem' }))
  writeFileSync(join(directory, 'sa.pub'), keys.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(join(directory, 'tokens.csv'), `${adminToken},admin,1,"system:masters"\n`)
  const etcd = start(programs, 'etcd', etcdFlags(directory, `http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`))
  const server = start(programs, 'kube-apiserver', serverFlags(directory, `http://127.0.0.1:${client}`, secure ?? 0))
  const manager = start(programs, 'kube-controller-manager', managerFlags(directory))
  const close = async (): Promise<void> => {
    for (const child of [manager, server, etcd]) await ended(child)
  }
  try {
    await untilReady({ directory, url })
    for (const file of istioDefinitions()) execFileSync('kubectl', ['--kubeconfig', join(directory, 'kubeconfig'), 'apply', '-f', file])
    return { directory, url, close }
  } catch (error) {
    await close()
    throw error
  }
}

function etcdFlags(directory: string, client: string, peer: string): readonly string[] {
  const urls = ['listen', 'advertise'].map((what) => `--${what}-client-urls=${client}`)
  const peers = [`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`]
  return ['--name=default', `--data-dir=${join(directory, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn', ...urls, ...peers]
}

function serverFlags(directory: string, etcd: string, port: number): readonly string[] {
  const file = (name: string): string => join(directory, name)
  return [
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--cert-dir=${file('certs')}`,
    `--tls-cert-file=${file('pki/server.crt')}`,
    `--tls-private-key-file=${file('pki/server.key')}`,
    `--client-ca-file=${file('pki/ca.crt')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--allow-privileged=true',
    '--profiling=false',
    '--disable-admission-plugins=ServiceAccount',
  ]
}

const controllers = [
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'garbage-collector-controller',
]

function managerFlags(directory: string): readonly string[] {
  const keys = [`--root-ca-file=${join(directory, 'pki/ca.crt')}`, `--service-account-private-key-file=${join(directory, 'sa.key')}`]
  const flags = ['--leader-elect=false', '--secure-port=0', `--controllers=${controllers.join(',')}`]
  return [`--kubeconfig=${join(directory, 'kubeconfig')}`, ...keys, ...flags]
}

function start(programs: string, name: string, flags: readonly string[]): ChildProcess {
  return spawn(join(programs, name), flags, { stdio: 'ignore' })
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

async function untilReady(api: Reached): Promise<void> {
  for (const end = Date.now() + READY_MS; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const replied = await askApi(api, '/readyz').catch((error: unknown) => String(error))
    if (typeof replied !== 'string' && replied.code === 200) return
    if (Date.now() > end) throw new Error(`kube-apiserver is not ready: ${typeof replied === 'string' ? replied : replied.body}`)
  }
}

/** Those of the release that the module beside it names. */
function istioDefinitions(): readonly string[] {
  const told = execFileSync('go', ['mod', 'download', '-json', 'istio.io/api@v1.29.2'], { encoding: 'utf8' })
  const { Dir: folder }: { readonly Dir: string } = JSON.parse(told)
  return [join(folder, 'kubernetes/customresourcedefinitions.gen.yaml')]
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => {
          const address = server.address()
          resolve(typeof address === 'object' && address !== null ? address.port : 0)
        })
      }),
  )
  const found = await Promise.all(ports)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return found
}
