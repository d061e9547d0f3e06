// Hands out flow records, one JSON object a line: those that are remembered, and with `?follow` each as it ends.
import type { FlowFeed, Follower } from '../flow-feed.ts'
import type { Page, PageRequest } from '../page.ts'

const linesType = 'application/x-ndjson; charset=utf-8'
/** An empty line this often tells both ends that the other is there. */
const HEARTBEAT_MS = 10_000

export function flowsPage(feed: FlowFeed): Page {
  return {
    path: '/flows',
    title: 'the newest flow records, one a line: ?last=20; ?follow goes on with each as it ends',
    render(request) {
      const history = remembered(feed, request)
      if (!request.query.has('follow')) return { type: linesType, body: history }
      const follower = feed.join()
      if (follower === undefined) return { status: 503, body: 'too many readers follow already\n' }
      // An empty line divides what is remembered from what is new.
      return { type: linesType, body: follow(follower, `${history}\n`, request.signal) }
    },
  }
}

function remembered(feed: FlowFeed, { query }: PageRequest): string {
  const last = query.get('last')
  const records = feed.remembered()
  const wanted = last !== null && /^\d{1,6}$/.test(last) ? records.slice(records.length - Math.min(records.length, Number(last))) : records
  return wanted.map((record) => `${JSON.stringify(record)}\n`).join('')
}

async function* follow(follower: Follower, history: string, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield history
    while (!signal.aborted) yield await follower.next(HEARTBEAT_MS, signal)
  } finally {
    follower.leave()
  }
}
