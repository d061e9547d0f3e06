// Says what a page of the admin server is: a path, a title, and functions that give its body or carry a change out.

export interface PageBody {
  /** 200 unless said otherwise. */
  readonly status?: number
  /** `text/plain; charset=utf-8` unless said otherwise. */
  readonly type?: string
  /** In pieces where it is long or has no end: they are asked for as fast as the reader takes them. */
  readonly body: string | AsyncIterable<string>
}

export interface PageRequest {
  readonly query: URLSearchParams
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface Page {
  /** Begins with a slash; matched whole. */
  readonly path: string
  /** What the list of pages says of it. */
  readonly title: string
  /** Answers GET and HEAD, and changes nothing. */
  render(request: PageRequest): PageBody | Promise<PageBody>
  /** Answers POST, where the page can change something. */
  change?(request: PageRequest): PageBody
}

export interface Readiness {
  readonly ready: boolean
  /** Why it is not ready yet, one sentence. */
  readonly why?: string
}

export const jsonType = 'application/json; charset=utf-8'

/** Whether the query asks for JSON as Envoy's pages are asked: `?format=json`. */
export function wantsJson({ query }: PageRequest): boolean {
  return query.get('format') === 'json'
}

export function jsonPage(value: unknown): PageBody {
  return { type: jsonType, body: `${JSON.stringify(value, undefined, 1)}\n` }
}
