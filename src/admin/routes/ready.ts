// Answers probes: 200 when traffic can be carried, 503 with the reason when it cannot.
import type { Page, Readiness } from '../page.ts'

/** The words are Envoy's (`LIVE`, `PRE_INITIALIZING`), so that probes written for it work. */
export function readyPage(ready: () => Readiness): Page {
  return {
    path: '/ready',
    title: 'LIVE, or why it is not ready yet',
    render: () => {
      const { ready: isReady, why } = ready()
      if (isReady) return { body: 'LIVE\n' }
      return { status: 503, body: `PRE_INITIALIZING\n${why === undefined ? '' : `${why}\n`}` }
    },
  }
}
