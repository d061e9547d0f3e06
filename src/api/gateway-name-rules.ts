// Judges how VirtualServices name the gateways they are bound to, with Istio's words.
import { fieldAt } from './field-path.ts'
import type { Report } from './finding.ts'
import { domainProblem, isDnsLabel, quoted } from './names.ts'

/** `namespace/name`, or a name alone. */
export function checkGatewayNames(report: Report, path: string, names: readonly string[]): void {
  for (const [i, name] of names.entries()) {
    const at = fieldAt(path, i)
    const slash = name.indexOf('/')
    if (slash < 0) {
      warnOfLegacyName(report, at, name)
      report.check(at, domainProblem(name))
      // Istio looks no further after a name without a namespace; nothing is gained by imitating that.
      continue
    }
    const namespace = name.slice(0, slash)
    const gateway = name.slice(slash + 1)
    if (namespace === '' || gateway === '') report.error(at, 'config namespace and gateway name cannot be empty')
    else if (!isDnsLabel(namespace) && namespace !== '.') report.error(at, `invalid value for namespace: ${quoted(namespace)}`)
    else if (!isDnsLabel(gateway)) report.error(at, `invalid value for gateway name: ${quoted(gateway)}`)
  }
}

function warnOfLegacyName(report: Report, path: string, name: string): void {
  const [gateway, namespace] = name.split('.')
  if (namespace === undefined) return
  const recommended = `${namespace}/${gateway}`
  const message = `using legacy gatewayName format ${quoted(name)}; prefer the <namespace>/<name> format: ${quoted(recommended)}`
  report.warning(path, message, `write ${recommended}`)
}
