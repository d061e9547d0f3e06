// Says which services have an address of their own given to them, and keeps those addresses from one model to the next.
import type { MeshSettings } from '../api/index.ts'
import { changedStretch } from '../base/index.ts'
import {
  allocateLikeIstio,
  compareAge,
  isWildcardHost,
  type Registry,
  type Service,
  StableAddresses,
  type VirtualAddresses,
} from '../registry/index.ts'

export interface Declared {
  readonly registry: Registry
  readonly settings: MeshSettings
  readonly strict: boolean
}

type Find = (service: Service) => VirtualAddresses | undefined

/** Of the latest model alone, which hands them to the next. */
const kept = new WeakMap<Find, StableAddresses<Service>>()

/** The function of the model before when nobody who is still there has another address. */
export function virtualAddresses(now: Declared, previous: (Declared & { readonly virtualAddresses: Find }) | undefined): Find {
  if (previous !== undefined && isAllocating(previous) === isAllocating(now) && previous.strict === now.strict) {
    if (!isAllocating(now) || follow(previous.virtualAddresses, previous, now)) return previous.virtualAddresses
  }
  if (!isAllocating(now)) return () => undefined
  return now.strict ? stableAddresses(now.registry) : istioAddresses(now.registry)
}

function isAllocating({ settings, strict }: Declared): boolean {
  return settings.sallyport.dns?.autoAllocate ?? strict
}

function follow(find: Find, previous: Declared, now: Declared): boolean {
  const { start, beforeEnd, nowEnd } = changedStretch(previous.registry.services, now.registry.services)
  const mayClaim = now.strict ? mayHaveAddress : isResolved
  const gone = previous.registry.services.slice(start, beforeEnd).filter(mayClaim)
  const added = now.registry.services.slice(start, nowEnd).filter(mayClaim)
  const [left, come] = [new Map(gone.map((one) => [keyOf(one), one])), new Set(added.map(keyOf))]
  const stay = added.filter((one) => left.has(keyOf(one)))
  // Who stays has to stand in the order of before, and nobody twice.
  const isInOrder =
    sameItems(
      gone.map(keyOf).filter((key) => come.has(key)),
      stay.map(keyOf),
    ) && new Set(stay.map(keyOf)).size === stay.length
  const addresses = kept.get(find)
  if (!isInOrder) return false
  const isSame = stay.length === gone.length && stay.length === added.length
  const other = (one: Service): boolean => !(left.has(keyOf(one)) && come.has(keyOf(one)))
  const isOlder = (a: Service, b: Service): boolean => compareAge(a, b) < 0
  if (!isSame && addresses?.follow(gone.filter(other), added.filter(other), isOlder) !== true) return false
  for (const one of stay) addresses?.renew(one)
  return true
}

function stableAddresses({ services }: Registry): Find {
  let addresses: StableAddresses<Service> | undefined
  const made = (): StableAddresses<Service> => {
    addresses = new StableAddresses(services.filter(mayHaveAddress))
    kept.set(find, addresses)
    return addresses
  }
  // Gateways never ask.
  const find: Find = (service) => (mayHaveAddress(service) ? (addresses ?? made()).of(service) : undefined)
  return find
}

/** Istio gives none under NONE, because there the dialled address would be the one that is forwarded to. */
function istioAddresses({ services }: Registry): Find {
  const found = allocateLikeIstio(services.filter(isResolved).map(keyOf))
  return (service) => (isResolved(service) ? found.get(keyOf(service)) : undefined)
}

function isResolved(service: Service): boolean {
  return mayHaveAddress(service) && service.resolution !== 'none'
}

function mayHaveAddress(service: Service): boolean {
  return service.addresses.length === 0 && !isWildcardHost(service.host)
}

function keyOf(service: Service): string {
  return `${service.namespace}/${service.host}`
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}
