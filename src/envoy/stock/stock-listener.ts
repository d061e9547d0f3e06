// Turns listeners into what stock Envoy is given: where connections come from, who may make them, and how a refusal is told.
import { DurationSchema } from '@bufbuild/protobuf/wkt'
import type { Cidr, Steps } from '../../base/index.ts'
import { create, extensionNames, packAny, readMetadata, type SallyportMetadata } from '../../xds/index.ts'
import {
  type Address,
  AddressSchema,
  type CidrRange,
  CidrRangeSchema,
  SocketAddressSchema,
} from '../../xds/gen/envoy/config/core/v3/address_pb.js'
import {
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
  type ListenerFilter,
  ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.js'
import { AdditionalAddressSchema, type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.js'
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js'
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js'
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js'
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js'
import { altered } from './altered.ts'
import { connectionLogs } from './access-log.ts'
import { directResponse, explainingChains, refusingChain } from './refusals.ts'
import type { Capture, StockSite } from './site.ts'
import { type ChainSite, type StockChains, stockChain } from './stock-chain.ts'

export interface ListenerSite extends Omit<ChainSite, 'port'> {
  /** Ports at which other listeners take what comes to any address. */
  readonly ownPorts: readonly number[]
}

const socketMode = 0o600
/** What a refused client has time to say before it is closed. */
const waitMs = 250

/** So many chains are made between two moments at which others may have their turn. */
const STEP = 16

export function* stockListener(listener: Listener, at: ListenerSite): Steps<readonly Listener[]> {
  const stock = yield* chainsOf(listener, at)
  if (listener.useOriginalDst === true) return captured(listener, stock, at)
  return at.site.role === 'gateway' ? gatewayListener(listener, stock, at) : [handedOver(listener, stock, at)]
}

/** A listener that gets its connections from the one that captures them. */
function handedOver(listener: Listener, stock: Stock, at: ListenerSite): Listener {
  const looks = listener.listenerFilters.length > 0
  const added = looks ? distinct(stock.explaining, stock.chains) : []
  // Envoy goes no step back from what the bytes are: what no explanation takes has to be the default's.
  const anything = stock.last === undefined && added.length > 0 ? stock.chains.find(takesAnything) : undefined
  const chains = stock.chains.filter((chain) => chain !== anything)
  return altered(ListenerSchema, listener, {
    ...everyAddress(listener),
    filterChains: [...chains, ...added, ...guards(chains, at)],
    defaultFilterChain: stock.last ?? anything,
    listenerFilters: added.length > 0 || stock.chains.some(asksForTls) ? bothInspectors() : listener.listenerFilters,
    accessLog: connectionLogs(at.site, listener.accessLog),
  })
}

function takesAnything({ filterChainMatch: match }: FilterChain): boolean {
  return matchKey(match) === matchKey(undefined)
}

function asksForTls({ filterChainMatch: match }: FilterChain): boolean {
  return match?.transportProtocol === 'tls'
}

/** To Envoy the IPv4 wildcard is no place for IPv6 destinations. */
function everyAddress({ address, additionalAddresses }: Listener) {
  const it = address?.address
  if (it?.case !== 'socketAddress' || it.value.address !== '0.0.0.0') return {}
  const v6 = create(AddressSchema, { address: { case: 'socketAddress', value: altered(SocketAddressSchema, it.value, { address: '::' }) } })
  return { additionalAddresses: [...additionalAddresses, create(AdditionalAddressSchema, { address: v6 })] }
}

interface Stock extends StockChains {
  readonly last: FilterChain | undefined
}

function* chainsOf(listener: Listener, at: ListenerSite): Steps<Stock> {
  const site: ChainSite = { ...at, port: portOf(listener) }
  const made: StockChains[] = []
  for (const chain of listener.filterChains) {
    made.push(stockChain(chain, site))
    if (made.length % STEP === 0) yield
  }
  const last = listener.defaultFilterChain && stockChain(listener.defaultFilterChain, site)
  return {
    chains: [...made.flatMap(({ chains }) => chains), ...(last?.chains.slice(0, -1) ?? [])],
    explaining: [...made, ...(last ? [last] : [])].flatMap(({ explaining }) => explaining),
    last: last?.chains.at(-1),
  }
}

/** Envoy refuses two chains with one match: what is there stays. */
function distinct(added: readonly FilterChain[], there: readonly FilterChain[]): FilterChain[] {
  const keys = new Set(there.map((chain) => matchKey(chain.filterChainMatch)))
  return added.filter((chain) => {
    const key = matchKey(chain.filterChainMatch)
    if (keys.has(key)) return false
    keys.add(key)
    return true
  })
}

function matchKey(match: FilterChainMatch | undefined): string {
  if (match === undefined) return matchKey(create(FilterChainMatchSchema))
  const ranges = match.prefixRanges.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen ?? 0}`).sort()
  const lists = [ranges, match.serverNames.toSorted(), match.applicationProtocols.toSorted()]
  return [match.destinationPort ?? '', match.transportProtocol, ...lists.map((list) => list.join(' '))].join('|')
}

/** Addresses that are reached only where they are declared themselves, kept from chains that take wider ranges. */
function guards(chains: readonly FilterChain[], { site, strict, fallback }: ListenerSite): FilterChain[] {
  const isWide = chains.some(
    ({ filterChainMatch: match }) => match !== undefined && match.prefixRanges.some((range) => (range.prefixLen ?? 0) < 32),
  )
  if (!strict || !isWide || site.neverReached.length === 0) return []
  return [privateChain({ ...fallback, refuse: 'private-address' }, site.neverReached)]
}

function privateChain(metadata: SallyportMetadata, ranges: readonly Cidr[]): FilterChain {
  return refusingChain({ metadata }, 'never-reached', create(FilterChainMatchSchema, { prefixRanges: ranges.map(rangeOf) }))
}

/** The listener to which the capture leads, once or once for each address family. */
function captured(listener: Listener, stock: Stock, at: ListenerSite): readonly Listener[] {
  const { site, strict } = at
  const [said] = listener.filterChains.slice(-1)
  const metadata = readMetadata(said?.metadata)
  const isClosed = metadata.refuse !== undefined
  const never = strict && !isClosed ? [privateChain({ ...metadata, refuse: 'private-address' }, site.neverReached)] : []
  const explaining = isClosed ? explainingChains({ site, strict, metadata }, 'undeclared', undefined) : []
  const last = stock.chains.at(-1)
  const others = stock.chains.slice(0, -1)
  const inspectors = explaining.length > 0 ? [tlsInspector(at.ownPorts), httpInspector(at.ownPorts)] : []
  const listeners = placesOf(listener, site).map((place, i) =>
    altered(ListenerSchema, listener, {
      name: i === 0 ? listener.name : `${listener.name}-${i}`,
      address: place.address,
      filterChains: [...place.chains, ...others, ...explaining, ...(site.neverReached.length > 0 ? never : [])],
      // Envoy goes no step back from what the bytes are: what neither explanation takes is left to the default.
      defaultFilterChain: last,
      listenerFilters: [...place.filters, ...inspectors],
      listenerFiltersTimeout: create(DurationSchema, { nanos: waitMs * 1e6 }),
      continueOnListenerFiltersTimeout: true,
      accessLog: connectionLogs(site, listener.accessLog),
    }),
  )
  return [...listeners, ...probes(site.capture?.inside)]
}

interface CapturePlace {
  readonly address: Address | undefined
  readonly filters: readonly ListenerFilter[]
  /** Ahead of the others. */
  readonly chains: readonly FilterChain[]
}

function placesOf({ address }: Listener, { capture }: StockSite): readonly CapturePlace[] {
  // What asks to use the original destination reads it, too.
  if (capture === undefined) return [{ address, filters: [], chains: [] }]
  const { relay, inside } = capture
  const over = { address: pipe(relay), filters: [proxyProtocol()], chains: [] }
  if (inside === undefined) return [over]
  const originalDst = filter(extensionNames.originalDst, packAny(OriginalDstSchema, create(OriginalDstSchema)))
  return [
    over,
    ...inside.listens.map(({ ip, port }) => ({
      address: addressOf(ip, port, inside.namespace),
      filters: [originalDst],
      // Whoever was not redirected has no other destination than this.
      chains: [
        refusingChain(
          { metadata: { refuse: 'capture-bypass' } },
          'not-captured',
          create(FilterChainMatchSchema, { destinationPort: port }),
        ),
      ],
    })),
  ]
}

function addressOf(address: string, port: number, networkNamespaceFilepath = ''): Address {
  const value = { address, portSpecifier: { case: 'portValue', value: port }, networkNamespaceFilepath } as const
  return create(AddressSchema, { address: { case: 'socketAddress', value } })
}

/** The seal tests itself with connections to addresses that nobody else has: they are answered with its secret, and are no flow. */
function probes(inside: Capture['inside'] | undefined): Listener[] {
  const [first, ...others] = inside?.probe.addresses ?? []
  if (inside === undefined || first === undefined) return []
  const secret = directResponse(Buffer.from(inside.probe.nonce, 'utf8'))
  return [
    create(ListenerSchema, {
      name: 'self-test',
      address: addressOf(first.ip, first.port),
      additionalAddresses: others.map(({ ip, port }) => create(AdditionalAddressSchema, { address: addressOf(ip, port) })),
      bindToPort: false,
      filterChains: [create(FilterChainSchema, { name: 'self-test', filters: [secret] })],
    }),
  ]
}

/** A gateway's listener is bound for real, and serves its peers only. */
function gatewayListener(listener: Listener, stock: Stock, { site }: ListenerSite): readonly Listener[] {
  const isPipe = listener.address?.address.case === 'pipe'
  if (!isPipe && site.peers?.length === 0) return []
  const peers = isPipe ? undefined : site.peers
  const chains = Array.from(stock.chains)
  return [
    altered(ListenerSchema, listener, {
      ...(isPipe && { address: pipe(listener.address?.address.case === 'pipe' ? listener.address.address.value.path : '') }),
      filterChains: peers === undefined ? chains : chains.map((chain) => forPeers(chain, peers)),
      defaultFilterChain: stock.last,
      accessLog: connectionLogs(site, listener.accessLog),
    }),
  ]
}

function forPeers(chain: FilterChain, peers: readonly Cidr[]): FilterChain {
  return altered(FilterChainSchema, chain, {
    filterChainMatch: altered(FilterChainMatchSchema, chain.filterChainMatch, { sourcePrefixRanges: peers.map(rangeOf) }),
  })
}

function portOf({ address }: Listener): number {
  const it = address?.address
  return it?.case === 'socketAddress' && it.value.portSpecifier.case === 'portValue' ? it.value.portSpecifier.value : 0
}

function rangeOf({ ip, bits }: Cidr): CidrRange {
  return create(CidrRangeSchema, { addressPrefix: ip, prefixLen: bits })
}

function pipe(path: string): Address {
  return create(AddressSchema, { address: { case: 'pipe', value: { path, mode: socketMode } } })
}

function filter(name: string, value: ReturnType<typeof packAny>): ListenerFilter {
  return create(ListenerFilterSchema, { name, configType: { case: 'typedConfig', value } })
}

function proxyProtocol(): ListenerFilter {
  return filter(extensionNames.proxyProtocolListener, packAny(ProxyProtocolSchema, create(ProxyProtocolSchema)))
}

function bothInspectors(): ListenerFilter[] {
  return [tlsInspector([]), httpInspector([])]
}

function tlsInspector(except: readonly number[]): ListenerFilter {
  return exceptAt(except, filter(extensionNames.tlsInspector, packAny(TlsInspectorSchema, create(TlsInspectorSchema))))
}

function httpInspector(except: readonly number[]): ListenerFilter {
  return exceptAt(except, filter(extensionNames.httpInspector, packAny(HttpInspectorSchema, create(HttpInspectorSchema))))
}

/** Whose connections are handed over must not be kept waiting for bytes that the next listener may not want. */
function exceptAt(ports: readonly number[], made: ListenerFilter): ListenerFilter {
  const [first, ...others] = ports.map((port) =>
    create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'destinationPortRange', value: { start: port, end: port + 1 } } }),
  )
  if (first === undefined) return made
  const filterDisabled =
    others.length === 0
      ? first
      : create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'orMatch', value: { rules: [first, ...others] } } })
  return altered(ListenerFilterSchema, made, { filterDisabled })
}
