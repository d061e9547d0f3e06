// Puts responses together from resources that are encoded already.
import { delimitedText, joined } from '../delimited.ts'
import type { EncodedResource } from './encoded-resource.ts'

interface ResponseParts {
  readonly typeUrl: string
  readonly nonce: string
  /** Of all that there is of the type. */
  readonly version: string
  readonly resources: readonly EncodedResource[]
}

/** An envoy.service.discovery.v3.DiscoveryResponse. */
export function stateResponse({ version, typeUrl, nonce, resources }: ResponseParts): Uint8Array {
  return joined([delimitedText(1, version), ...resources.map(({ element }) => element), delimitedText(4, typeUrl), delimitedText(5, nonce)])
}

/** An envoy.service.discovery.v3.DeltaDiscoveryResponse. */
export function deltaResponse(parts: ResponseParts & { readonly removed: readonly string[] }): Uint8Array {
  const { version, typeUrl, nonce, resources, removed } = parts
  return joined([
    delimitedText(1, version),
    ...resources.map(({ deltaElement }) => deltaElement),
    delimitedText(4, typeUrl),
    delimitedText(5, nonce),
    ...removed.map((name) => delimitedText(6, name)),
  ])
}
