// Says which headers the open access logs print, so that the proxy keeps those of a request, and none when nobody asks.

export interface WantedHeaders {
  readonly requestHeaders: readonly string[]
  readonly responseHeaders: readonly string[]
}

/** In lower case; read for every request, so it is a field and costs nothing while it is empty. */
export const wantedHeaders: { request: readonly string[]; response: readonly string[] } = { request: [], response: [] }

const wishes = new Set<WantedHeaders>()

/** Until the returned function is called. */
export function wantHeaders(wish: WantedHeaders): () => void {
  const own = { ...wish }
  wishes.add(own)
  update()
  return () => {
    wishes.delete(own)
    update()
  }
}

function update(): void {
  wantedHeaders.request = [...new Set([...wishes].flatMap(({ requestHeaders }) => requestHeaders))]
  wantedHeaders.response = [...new Set([...wishes].flatMap(({ responseHeaders }) => responseHeaders))]
}
