// Door of the envoy room: stock Envoy in the place of our data plane.
export { findEnvoy } from './binary.ts'
export { engineDifferences } from './differences.ts'
export type { Capture } from './stock/site.ts'
export { type Engine, startEngine } from './engine.ts'
export { withSecretPaths } from './file-secrets.ts'
export { StockSnapshots } from './stock/stock-snapshot.ts'
export { openFeed } from './resource-feed.ts'
