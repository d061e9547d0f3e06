// Asks the Envoy that a sidecar runs what it was given, at its own admin interface.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'

/** By the `--name` of the sidecar; waits for nothing. */
export function envoyNamed(name: string): string | undefined {
  const folders = readdirSync('/dev/shm').map((folder) => join('/dev/shm', folder))
  return folders.find((folder) => {
    const path = join(folder, 'bootstrap.json')
    return existsSync(path) && readFileSync(path, 'utf8').includes(`"cluster":"${name}.`)
  })
}

/** Each resource that Envoy has by xDS with its version and when it came, and how often it was sent any: the same text as long as nothing is sent. */
export async function whatWasSent(folder: string): Promise<string> {
  const admin = join(folder, 'admin.sock')
  const dump: unknown = JSON.parse(await ask(admin, '/config_dump?include_eds'))
  const stats = await ask(admin, '/stats?filter=ds\\.(update_success|update_rejected)$')
  const found = stamps(dump).sort()
  if (found.length < 5) throw new Error('Envoy has nothing by xDS')
  return `${found.join('\n')}\n${stats}`
}

/** Wherever they stand in the dump, whose own order changes. */
function stamps(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (!('last_updated' in value)) return Object.values(value).flatMap(stamps)
  const version = 'version_info' in value ? String(value.version_info) : ''
  const name = /"(?:name|cluster_name)":"([^"]*)"/.exec(JSON.stringify(value))?.[1] ?? ''
  return [`${name} ${version} ${String(value.last_updated)}`]
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false, timeout: 5000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve(body))
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer')))
    asking.on('error', reject)
    asking.end()
  })
}
