// Door of the admin room.
export type { Readiness } from './page.ts'
export type { ConfigView, DiscoveryView, NodeView, ProxyView } from './proxy-view.ts'
export { type Admin, type AdminOptions, describePages, startAdmin } from './server.ts'
