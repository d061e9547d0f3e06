// Writes the declarations of the measurement of scale: as many ServiceEntries of every usual kind as are wanted, one of which changes.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Layout = 'one file' | 'a file each'

export const watchedName = 'watched.bench'

export interface Declarations {
  /** The folder that is given to the program. */
  readonly folder: string
  /** Declares another address for the watched name, and nothing else. */
  change(address: string): void
}

export function writeEntries(folder: string, count: number, layout: Layout): Declarations {
  mkdirSync(folder, { recursive: true })
  const at = count >> 1
  const documents = Array.from({ length: count }, (_, i) => (i === at ? watchedEntry('198.51.100.1') : entry(i)))
  const all = join(folder, 'all.yaml')
  if (layout === 'one file') writeFileSync(all, documents.join('---\n'))
  else for (const [i, document] of documents.entries()) writeFileSync(join(folder, `${i}.yaml`), document)
  return {
    folder,
    change(address) {
      documents[at] = watchedEntry(address)
      if (layout === 'one file') writeFileSync(all, documents.join('---\n'))
      else writeFileSync(join(folder, `${at}.yaml`), documents[at])
    },
  }
}

export function watchedEntry(address: string): string {
  return (
    head('watched', watchedName) +
    `  addresses: [${address}]\n  resolution: STATIC\n  endpoints:\n  - address: ${address}\n${port(6379, 'tcp', 'TCP')}`
  )
}

/** Of ten, seven speak HTTP and TLS, one is a wildcard, one has an address and one is found by its name. */
export function entry(i: number): string {
  const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  switch (i % 10) {
    case 7:
      return `${head(`e${i}`, `"*.w${i}.example.com"`)}  resolution: NONE\n${port(443, 'tls', 'TLS')}`
    case 8:
      return `${head(`e${i}`, `store${i}.example.com`)}  addresses: [${address}]\n  resolution: STATIC\n  endpoints:\n  - address: ${address}\n${port(6379, 'tcp', 'TCP')}`
    case 9:
      return `${head(`e${i}`, `db${i}.example.com`)}  resolution: DNS\n${port(5432, 'tcp', 'TCP')}`
    default:
      return `${head(`e${i}`, `h${i}.example.com`)}  resolution: DNS\n${port(80, 'http', 'HTTP')}${port(443, 'tls', 'TLS').replace('  ports:\n', '')}`
  }
}

function head(name: string, host: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: ${name}\n  namespace: default\nspec:\n  hosts:\n  - ${host}\n  location: MESH_EXTERNAL\n`
}

function port(number: number, name: string, protocol: string): string {
  return `  ports:\n  - number: ${number}\n    name: ${name}\n    protocol: ${protocol}\n`
}
