// Door of the registry room.
export { hasLabels, pipePath } from './endpoint.ts'
export { type Spelling, spell } from './from-service-entry.ts'
export { covers, HostIndex, overlaps } from './host-index.ts'
export { familyOfProtocol, isHttp2Only, type Protocol, parseProtocol } from './protocol.ts'
export { buildRegistry, compareAge, type Registry } from './registry.ts'
export { defaultPort, endpointPort, hasPlainPort, isRange, isWildcardHost, portOf, type Service, type ServicePort } from './service.ts'
export { compareText, SpecMemo } from './spec-memo.ts'
export { allocateLikeIstio, StableAddresses, type VirtualAddresses } from './virtual-addresses.ts'
