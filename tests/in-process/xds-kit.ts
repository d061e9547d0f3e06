// Runs a gateway in this process under a configuration that a small xDS server of the tests sends, with origins behind it.
import { createServer, request } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNameSource } from '../../src/dns/index.ts'
import type { Control } from '../../src/main/control.ts'
import { startXdsControl, type XdsControlOptions } from '../../src/main/xds-control.ts'
import { createDataPlane } from '../../src/proxy/index.ts'
import { edsCluster, endpointsJson, httpListener, routeTable } from '../support/xds-resources.ts'
import { types, XdsServer, type XdsServerOptions } from '../support/xds-server.ts'
import { closeAfterwards, closedPort, listen, portOf } from './proxy-kit.ts'

export function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xds-client-'))
  closeAfterwards({ close: () => rmSync(folder, { recursive: true, force: true }) })
  return folder
}

export async function server(options: XdsServerOptions = {}): Promise<XdsServer> {
  return closeAfterwards(await new XdsServer(options).start())
}

export type ControlParts = Partial<XdsControlOptions> & Pick<XdsControlOptions, 'server'>

export async function control(parts: ControlParts): Promise<Control> {
  const started = await startXdsControl({
    node: { role: 'router', namespace: 'istio-system', name: 'gateway', labels: { istio: 'egressgateway' } },
    stateDirectory: stateFolder(),
    isNeeded: true,
    timing: { retryMs: 20, longestRetryMs: 200 },
    ...parts,
  })
  return closeAfterwards(started)
}

/** A gateway under that control. */
export function gateway(from: Control): void {
  const names = createNameSource()
  const source = { namespace: 'istio-system', workload: 'gateway', labels: {} }
  const plane = createDataPlane({ role: 'gateway', runtime: from.runtime, names, source })
  closeAfterwards({
    async close() {
      plane.close()
      await plane.drain(1000)
      names.close()
    },
  })
}

/** An origin that answers with its name. */
export async function origin(name: string): Promise<number> {
  const http = createServer((_request, response) => response.end(name))
  await listen(http)
  closeAfterwards({ close: () => void http.close() })
  return portOf(http)
}

/** The body of a 200, another status, or the code of an error. */
export function get(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const asking = request({ host: '127.0.0.1', port, headers: { host }, agent: false, timeout: 3000 }, (response) => {
      let body = ''
      response.on('data', (part) => (body += String(part)))
      response.on('end', () => resolve(response.statusCode === 200 ? body : String(response.statusCode)))
    })
    asking.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
    asking.on('timeout', () => asking.destroy())
    asking.end()
  })
}

/** A listener on a free port, a route table and a cluster with endpoints of its own. */
export async function simpleWorld(xds: XdsServer): Promise<{ readonly port: number; readonly first: number }> {
  const port = await closedPort()
  const first = await origin('first')
  xds
    .set(types.cluster, 'first', edsCluster('first'))
    .set(types.endpoints, 'first', endpointsJson('first', first))
    .set(types.listener, 'http', httpListener('http', port, 'routes'))
    .set(types.route, 'routes', routeTable('routes', { 'a.test': 'first' }))
  return { port, first }
}

/** Asks again and again until it is told to stop; what came back, by how often it did. */
export function load(port: number, host: string): { stop(): Promise<Readonly<Record<string, number>>> } {
  const seen: Record<string, number> = {}
  let isOver = false
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const answer = await get(port, host)
      seen[answer] = (seen[answer] ?? 0) + 1
    }
  }
  const workers = Array.from({ length: 4 }, worker)
  return {
    async stop() {
      isOver = true
      await Promise.all(workers)
      return seen
    },
  }
}

/** What is written to stderr until the test is over. */
export function listenToStderr(): () => string {
  let text = ''
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (chunk: string | Uint8Array): boolean => {
    text += String(chunk)
    return true
  }
  closeAfterwards({ close: () => void (process.stderr.write = write) })
  return () => text
}
