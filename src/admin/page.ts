// Says what a page of the admin server is: a path, a title, and a function that gives its body.

export interface PageBody {
  /** 200 unless said otherwise. */
  readonly status?: number
  /** `text/plain; charset=utf-8` unless said otherwise. */
  readonly type?: string
  readonly body: string
}

/** A page is only read: it answers GET and HEAD, and changes nothing. */
export interface Page {
  /** Begins with a slash; matched whole. */
  readonly path: string
  /** What the list of pages says of it. */
  readonly title: string
  render(): PageBody | Promise<PageBody>
}

export interface Readiness {
  readonly ready: boolean
  /** Why it is not ready yet, one sentence. */
  readonly why?: string
}
