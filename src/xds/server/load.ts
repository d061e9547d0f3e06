// Loads the server when somebody wants one: gRPC is no small part of a start.
import type { AdsServer, AdsServerOptions } from './ads-server.ts'

/** Rejects with SLP4201 when the address cannot be bound. */
export async function serveAds(options: AdsServerOptions): Promise<AdsServer> {
  const { startAdsServer } = await import('./ads-server.ts')
  return startAdsServer(options)
}
