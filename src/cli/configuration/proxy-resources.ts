// Gets the resources of a proxy as JSON, from its own `/config_dump`, whichever engine it is, or from what it would be sent.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { request } from 'node:http'
import { messageOf } from '../../base/index.ts'
import { type Listed, listedToJson, typeUrls } from '../../xds/index.ts'
import { type AdminTarget, adminTargetOf } from '../admin-target.ts'
import { SourceError } from '../flows/record-source.ts'
import { at, isObject, listAt } from './json-path.ts'

export interface ProxyResources {
  readonly listeners: readonly JsonObject[]
  readonly routes: readonly JsonObject[]
  readonly clusters: readonly JsonObject[]
  readonly endpoints: readonly JsonObject[]
  readonly secrets: readonly JsonObject[]
}

export type ResourceKind = keyof ProxyResources

export function resourcesOf(listed: readonly Listed[]): ProxyResources {
  const ofType = (typeUrl: string): readonly JsonObject[] => listed.filter((one) => one.typeUrl === typeUrl).map(listedToJson)
  return {
    listeners: ofType(typeUrls.listener),
    routes: ofType(typeUrls.route),
    clusters: ofType(typeUrls.cluster),
    endpoints: ofType(typeUrls.endpoint),
    secrets: ofType(typeUrls.secret),
  }
}

/** Rejects with `SourceError` when nobody answers there as Envoy's admin server does. */
export async function askProxy(name: string): Promise<ProxyResources> {
  const target = adminTargetOf(name)
  if (target === undefined) throw new SourceError(2, `"${name}" is not an address`, 'name the address that --admin was given')
  const text = await fetchText(name, target, '/config_dump?include_eds')
  try {
    return ofDump(JSON.parse(text))
  } catch (error) {
    throw new SourceError(3, `what ${name} answers is no configuration dump: ${messageOf(error)}`, 'name the admin address of a proxy')
  }
}

const sections: Readonly<Record<ResourceKind, readonly (readonly [list: string, ...path: string[]])[]>> = {
  listeners: [
    ['static_listeners', 'listener'],
    ['dynamic_listeners', 'active_state', 'listener'],
  ],
  routes: [
    ['static_route_configs', 'route_config'],
    ['dynamic_route_configs', 'route_config'],
  ],
  clusters: [
    ['static_clusters', 'cluster'],
    ['dynamic_active_clusters', 'cluster'],
  ],
  endpoints: [
    ['static_endpoint_configs', 'endpoint_config'],
    ['dynamic_endpoint_configs', 'endpoint_config'],
  ],
  secrets: [
    ['static_secrets', 'secret'],
    ['dynamic_active_secrets', 'secret'],
  ],
}

function ofDump(dump: JsonValue): ProxyResources {
  const dumps = listAt(dump, 'configs')
  if (dumps.length === 0) throw new Error('it has no configs')
  const found = (kind: ResourceKind): readonly JsonObject[] =>
    sections[kind].flatMap(([list, ...path]) =>
      dumps.flatMap((one) => listAt(one, list).map((entry) => at(entry, ...path))).filter((resource) => isObject(resource)),
    )
  return {
    listeners: found('listeners'),
    routes: found('routes'),
    clusters: found('clusters'),
    endpoints: found('endpoints'),
    secrets: found('secrets'),
  }
}

const answerMs = 30_000
const mostBytes = 1024 * 1024 * 1024

function fetchText(name: string, target: AdminTarget, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new SourceError(3, `cannot ask ${name}: ${why}`, 'name the address that --admin was given'))
    const asked = request({ ...target, path, headers: { host: 'localhost' }, timeout: answerMs, agent: false })
    asked.once('timeout', () => asked.destroy(new Error('no answer within 30 seconds')))
    asked.once('error', (error) => fail(messageOf(error)))
    asked.once('response', (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes > mostBytes) asked.destroy(new Error('the answer is too large'))
        else pieces.push(piece)
      })
      response.once('error', (error) => fail(messageOf(error)))
      response.once('end', () =>
        response.statusCode === 200 ? resolve(Buffer.concat(pieces).toString('utf8')) : fail(`it answers ${response.statusCode ?? 0}`),
      )
    })
    asked.end()
  })
}
