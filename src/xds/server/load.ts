// Loads the server when somebody wants one: gRPC is no small part of a start.
import type { AdsServer, AdsServerOptions, startAdsServer as Start } from './ads-server.ts'

/** Rejects with SLP4201 when the address cannot be bound. */
export async function serveAds(options: AdsServerOptions): Promise<AdsServer> {
  const { startAdsServer } = await loadAds()
  return startAdsServer(options)
}

/** For whoever will want it, and waits for something else meanwhile. */
export function loadAds(): Promise<{ readonly startAdsServer: typeof Start }> {
  return import('./ads-server.ts')
}
