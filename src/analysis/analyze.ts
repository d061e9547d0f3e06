// Runs every finding across resources, in the order in which people read their files.
import type { Issue } from '../api/index.ts'
import { finish, type Steps } from '../base/index.ts'
import type { Model } from '../model/index.ts'
import { findDanglingReferences } from './dangling-reference.ts'
import { findGatewayNotInPath } from './gateway-not-in-path.ts'
import { findGatewayPortMissing } from './gateway-port-missing.ts'
import { findMissingCredentials } from './missing-credentials.ts'
import { findResolutionNoneThroughGateway } from './resolution-none-through-gateway.ts'
import { setScene } from './scene.ts'
import { findOverlappingSelectors } from './overlapping-selectors.ts'
import { findTcpHostsShareGatewayPort } from './tcp-hosts-share-gateway-port.ts'
import { findTlsInTls } from './tls-in-tls.ts'

const findings = [
  findDanglingReferences,
  findMissingCredentials,
  findGatewayNotInPath,
  findResolutionNoneThroughGateway,
  findGatewayPortMissing,
  findOverlappingSelectors,
  findTcpHostsShareGatewayPort,
  findTlsInTls,
]

/** What no single document shows. Pure. */
export function analyze(model: Model): readonly Issue[] {
  return finish(analyzing(model))
}

/** As `analyze`, in steps. */
export function* analyzing(model: Model): Steps<readonly Issue[]> {
  const scene = setScene(model)
  const issues: Issue[] = []
  for (const find of findings) {
    yield
    issues.push(...find(scene))
  }
  return issues.sort((a, b) => a.source.localeCompare(b.source) || (a.place?.line ?? 0) - (b.place?.line ?? 0))
}
