// Defines Envoy's ClientStatusDiscoveryService, by which a server says what each of its clients has accepted, and how its answer is written and read.
import { fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt'
import { create } from '../create.ts'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js'
import { ClientResourceStatus } from '../gen/envoy/admin/v3/config_dump_shared_pb.js'
import {
  type ClientConfig,
  type ClientConfig_GenericXdsConfigSchema,
  ClientStatusRequestSchema,
  ClientStatusResponseSchema,
  ConfigStatus,
} from '../gen/envoy/service/status/v3/csds_pb.js'
import { isTypeUrl } from '../type-urls.ts'
import type { TypeState, TypeStatus } from './discovery-stream.ts'

/** What one client has. */
export interface ClientStatus {
  readonly node: Node
  readonly types: readonly TypeStatus[]
}

type Request = MessageShape<typeof ClientStatusRequestSchema>
type Response = MessageShape<typeof ClientStatusResponseSchema>

const method = {
  requestSerialize: (message: Request): Buffer => Buffer.from(toBinary(ClientStatusRequestSchema, message)),
  requestDeserialize: (bytes: Buffer): Request => fromBinary(ClientStatusRequestSchema, bytes),
  responseSerialize: (message: Response): Buffer => Buffer.from(toBinary(ClientStatusResponseSchema, message)),
  responseDeserialize: (bytes: Buffer): Response => fromBinary(ClientStatusResponseSchema, bytes),
} as const

const service = '/envoy.service.status.v3.ClientStatusDiscoveryService'

export const statusService = {
  fetchClientStatus: {
    ...method,
    path: `${service}/FetchClientStatus`,
    originalName: 'FetchClientStatus',
    requestStream: false,
    responseStream: false,
  },
  streamClientStatus: {
    ...method,
    path: `${service}/StreamClientStatus`,
    originalName: 'StreamClientStatus',
    requestStream: true,
    responseStream: true,
  },
} as const

export function writeClientStatus(clients: readonly ClientStatus[]): Response {
  return create(ClientStatusResponseSchema, {
    config: clients.map(({ node, types }) => ({ node, genericXdsConfigs: types.flatMap(writeType) })),
  })
}

export function readClientStatus(response: Response): readonly ClientStatus[] {
  return response.config.flatMap(({ node, genericXdsConfigs }) =>
    node === undefined ? [] : [{ node, types: genericXdsConfigs.flatMap(readType) }],
  )
}

const states: Readonly<Record<TypeState, ConfigStatus>> = {
  SYNCED: ConfigStatus.SYNCED,
  STALE: ConfigStatus.STALE,
  'NOT SENT': ConfigStatus.NOT_SENT,
  NACK: ConfigStatus.ERROR,
}

type GenericXdsConfig = ClientConfig['genericXdsConfigs'][number]
type GenericXdsConfigInit = MessageInitShape<typeof ClientConfig_GenericXdsConfigSchema>

/** The type as a whole, and each resource of it that is known to be refused. */
function writeType({ typeUrl, state, version, rejected }: TypeStatus): GenericXdsConfigInit[] {
  if (rejected === undefined)
    return [{ typeUrl, versionInfo: version, configStatus: states[state], clientStatus: ClientResourceStatus.ACKED }]
  const refused = { typeUrl, configStatus: ConfigStatus.ERROR, clientStatus: ClientResourceStatus.NACKED }
  const errorState = { details: rejected.text, versionInfo: rejected.version, lastUpdateAttempt: timestampFromMs(rejected.at) }
  return [{ ...refused, versionInfo: version, errorState }, ...rejected.resources.map((name) => ({ ...refused, name }))]
}

function readType(one: GenericXdsConfig, _index: number, all: readonly GenericXdsConfig[]): readonly TypeStatus[] {
  const { typeUrl, name, configStatus, versionInfo, errorState } = one
  const [state] = Object.entries(states).find(([, status]) => status === configStatus) ?? []
  if (!isTypeUrl(typeUrl) || !isState(state) || name !== '') return []
  const at = errorState?.lastUpdateAttempt
  const resources = all.filter((other) => other.typeUrl === typeUrl && other.name !== '').map((other) => other.name)
  const rejected = errorState && {
    text: errorState.details,
    version: errorState.versionInfo,
    at: at === undefined ? 0 : timestampMs(at),
    resources,
  }
  return [{ typeUrl, state, version: versionInfo, rejected }]
}

function isState(text: string | undefined): text is TypeState {
  return text !== undefined && text in states
}
