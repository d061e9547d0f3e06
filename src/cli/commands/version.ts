// `sallyport version`: prints the version of this program, and of the server and its proxies where there is one.
import { fieldsOf, SallyportError } from '../../base/index.ts'
import { fetchClientStatus } from '../../xds/index.ts'
import { writeStructured } from '../configuration/output.ts'
import { reaching } from '../configuration/sources.ts'
import { exitCodes } from '../exit-codes.ts'
import { withServer } from '../server/open-server.ts'
import { xdsTargetOf } from '../server/xds-target.ts'
import { textOf, type Values } from '../values.ts'
import { nameOf, versionOf } from './proxy-status.ts'

interface Remote {
  readonly server: string
  /** Of Kubernetes, as the server says it. */
  readonly kubernetes: string
  readonly proxies: readonly { readonly name: string; readonly version: string }[]
}

export async function version(values: Values): Promise<number> {
  const own = process.env['SALLYPORT_VERSION'] ?? '0.1.0'
  const remote = textOf(values, 'remote') === 'false' ? undefined : await askRemote(values)
  const output = textOf(values, 'output')
  if (output === 'json' || output === 'yaml') writeStructured(structured(own, remote), output)
  else process.stdout.write(`${lines(own, remote).join('\n')}\n`)
  return exitCodes.ok
}

/** Where no server is known there is nothing to ask; one that is known has to answer. */
async function askRemote(values: Values): Promise<Remote | undefined> {
  try {
    const { server, body } = await withServer(values, async (api) => ({ server: api.server, ...(await api.ask({ path: '/version' })) }))
    const clients = await reaching(fetchClientStatus(xdsTargetOf(values)))
    const { gitVersion } = fieldsOf(body)
    const proxies = clients.map((client) => ({ name: nameOf(client), version: versionOf(client) }))
    return { server, kubernetes: typeof gitVersion === 'string' ? gitVersion : 'unknown', proxies }
  } catch (error) {
    if (error instanceof SallyportError && error.code === 'SLP6201' && textOf(values, 'kubeconfig') === undefined) return undefined
    throw error
  }
}

function lines(own: string, remote: Remote | undefined): readonly string[] {
  if (remote === undefined) return [`client version: ${own}`]
  const { server, kubernetes, proxies } = remote
  const versions = [...new Set(proxies.map((proxy) => proxy.version))].sort()
  const told = versions.map((one) => {
    const count = proxies.filter((proxy) => proxy.version === one).length
    return `${one} (${count} ${count === 1 ? 'proxy' : 'proxies'})`
  })
  return [
    `client version: ${own}`,
    `control plane version: ${kubernetes} at ${server}`,
    `data plane version: ${told.length === 0 ? 'none' : told.join(', ')}`,
  ]
}

function structured(own: string, remote: Remote | undefined) {
  return {
    clientVersion: { version: own },
    ...(remote && {
      meshVersion: [{ Component: 'sallyport', Info: { version: remote.kubernetes, server: remote.server } }],
      dataPlaneVersion: remote.proxies.map(({ name, version: said }) => ({ ID: name, IstioVersion: said })),
    }),
  }
}
