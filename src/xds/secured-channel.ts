// Says in gRPC's words how a server is reached and known, and who asks.
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js'
import { type Credential, type SecuredBy, xdsServerName } from './secured-by.ts'

export function targetOf(address: string): string {
  return address.startsWith('/') ? `unix:${address}` : address.startsWith('unix:') ? address : `dns:${address}`
}

export function channelCredentials(securedBy: SecuredBy | undefined, credential: Credential | undefined): ChannelCredentials {
  if (securedBy === undefined) return credentials.createInsecure()
  const roots = Buffer.from(securedBy.authority)
  if (credential === undefined || 'token' in credential) return credentials.createSsl(roots)
  return credentials.createSsl(roots, Buffer.from(credential.key), Buffer.from(credential.certificate))
}

/** Of each call. */
export function callMetadata(credential: Credential | undefined): Metadata {
  const metadata = new Metadata()
  if (credential !== undefined && 'token' in credential) metadata.set('authorization', `Bearer ${credential.token}`)
  return metadata
}

export function serverNameOptions(securedBy: SecuredBy | undefined): ChannelOptions {
  return securedBy === undefined ? {} : { 'grpc.ssl_target_name_override': xdsServerName, 'grpc.default_authority': xdsServerName }
}
