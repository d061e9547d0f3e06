// Lists where an engine, at strictness istio, differs from the recordings, and why; each entry is played too, and must still differ.

export type Engine = 'sallyport' | 'envoy'

/** By scenario, or by scenario and probe: `NAME` or `NAME/PROBE`. */
export function differencesOf(engine: Engine): Readonly<Record<string, string>> {
  return engine === 'sallyport' ? { ...common, ...ofSallyport } : { ...common, ...ofEnvoy }
}

/** What is declared, and what is not carried out of it, is the same for both. */
const common: Readonly<Record<string, string>> = {
  'e18-virtualservice-without-serviceentry/name': 'an unquoted n is a boolean to kubectl and a text to others: the document is refused',
  'e18-virtualservice-without-serviceentry/wildcard': 'an unquoted n is a boolean to kubectl and a text to others: the document is refused',
}

const ofSallyport: Readonly<Record<string, string>> = {
  'h09-headers-by-gateway/origin-reset': 'a GET whose kept connection ends unanswered is sent once more on a fresh one',
}

/** Nothing of its own: it is what was recorded. */
const ofEnvoy: Readonly<Record<string, string>> = {}
