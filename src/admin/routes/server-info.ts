// Says what runs here, since when and in which state, in the form of Envoy's `/server_info` and `/memory`.
import { nodeJson } from '../node-json.ts'
import { jsonPage, type Page, type Readiness } from '../page.ts'
import type { ProxyView } from '../proxy-view.ts'

export function serverInfoPage({ node, version }: ProxyView, ready: () => Readiness): Page {
  return {
    path: '/server_info',
    title: 'version, state, uptime and node',
    render() {
      const uptime = `${Math.floor(process.uptime())}s`
      return jsonPage({
        version: `sallyport/${version}/node-${process.versions.node}`,
        state: ready().ready ? 'LIVE' : 'PRE_INITIALIZING',
        uptime_current_epoch: uptime,
        uptime_all_epochs: uptime,
        hot_restart_version: 'disabled',
        command_line_options: { concurrency: 1 },
        node: nodeJson(node),
      })
    },
  }
}

export function memoryPage(): Page {
  return {
    path: '/memory',
    title: 'memory of this process, in bytes',
    render() {
      const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
      // The first three are Envoy's words, the others node's.
      return jsonPage({
        allocated: String(heapUsed + external),
        heap_size: String(heapTotal),
        total_physical_bytes: String(rss),
        heap_used: String(heapUsed),
        external: String(external),
        array_buffers: String(arrayBuffers),
      })
    },
  }
}
