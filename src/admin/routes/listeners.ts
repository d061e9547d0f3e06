// Lists the listeners in force with their addresses, as text and as Envoy's JSON.
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.js'
import { jsonPage, type Page, wantsJson } from '../page.ts'
import type { ProxyView } from '../proxy-view.ts'

export function listenersPage(proxy: ProxyView): Page {
  return {
    path: '/listeners',
    title: 'listeners with their addresses: ?format=json',
    render(request) {
      const listeners = [...(proxy.config()?.snapshot.listeners ?? [])]
      if (!wantsJson(request)) return { body: listeners.map(([name, { address }]) => `${name}::${addressText(address)}\n`).join('') }
      return jsonPage({ listener_statuses: listeners.map(([name, { address }]) => ({ name, local_address: addressJson(address) })) })
    },
  }
}

/** `ip:port`, or the path of a Unix socket. */
export function addressText(address: Address | undefined): string {
  if (address?.address.case === 'pipe') return address.address.value.path
  if (address?.address.case !== 'socketAddress') return '-'
  const { address: host, portSpecifier } = address.address.value
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : 0
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Envoy's `Address` as JSON of what `addressText` gives. */
export function addressTextJson(text: string): object {
  const match = /^(.*):(\d+)$/.exec(text)
  if (!match || text.startsWith('/')) return { pipe: { path: text } }
  return { socket_address: { address: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port_value: Number(match[2]) } }
}

function addressJson(address: Address | undefined): object {
  return addressTextJson(addressText(address))
}
