// Judges load balancer settings, rule by rule as Istio does and with Istio's words; they are not carried out, but a wrong one is still told.
import { type Fields, fieldsOf } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { listOf, numberOf, textOf } from './fields.ts'
import type { Report } from './finding.ts'
import { durationProblem } from './names.ts'

export function checkLoadBalancer(report: Report, path: string, settings: Fields, hasOutlierDetection: boolean): void {
  const { consistentHash, localityLbSetting, zoneAwareLbSetting, warmup, warmupDurationSecs } = settings
  if (consistentHash !== undefined) checkHash(report, `${path}.consistentHash`, fieldsOf(consistentHash))
  if (localityLbSetting !== undefined && zoneAwareLbSetting !== undefined) {
    report.error(`${path}.zoneAwareLbSetting`, 'localityLbSetting and zoneAwareLbSetting must not be set together')
  }
  if (localityLbSetting !== undefined) {
    checkLocalities(report, `${path}.localityLbSetting`, fieldsOf(localityLbSetting), hasOutlierDetection)
  }
  if (zoneAwareLbSetting !== undefined) checkFailover(report, `${path}.zoneAwareLbSetting`, fieldsOf(zoneAwareLbSetting))
  if (typeof warmupDurationSecs === 'string') report.check(`${path}.warmupDurationSecs`, durationProblem(warmupDurationSecs))
  if (warmup !== undefined) checkWarmup(report, `${path}.warmup`, fieldsOf(warmup))
}

function checkHash(report: Report, path: string, hash: Fields): void {
  const { httpCookie, minimumRingSize, maglev, ringHash } = hash
  if (httpCookie !== undefined) checkCookie(report, `${path}.httpCookie`, fieldsOf(httpCookie))
  if (numberOf(minimumRingSize) !== 0) {
    const message = "consistent hash MinimumRingSize is deprecated, use ConsistentHashLB's RingHash configuration instead"
    report.warning(`${path}.minimumRingSize`, message)
    if (maglev !== undefined || ringHash !== undefined) {
      report.error(`${path}.minimumRingSize`, 'only one of MinimumRingSize or Maglev/Ringhash can be specified')
    }
  }
  if (maglev === undefined) return
  const size = numberOf(fieldsOf(maglev)['tableSize'])
  const at = `${path}.maglev.tableSize`
  if (size === 0) report.error(at, 'tableSize must be set for maglev')
  else if (size >= 5_000_011) report.error(at, 'tableSize must be less than 5000011 for maglev')
  else if (!isPrime(size)) report.error(at, 'tableSize must be a prime number for maglev')
}

function checkCookie(report: Report, path: string, cookie: Fields): void {
  if ((cookie['name'] ?? '') === '') report.error(`${path}.name`, 'name required for HttpCookie')
  const names = new Set<string>()
  for (const [i, attribute] of listOf(cookie['attributes']).entries()) {
    const name = textOf(fieldsOf(attribute)['name'])
    const at = `${fieldAt(`${path}.attributes`, i)}.name`
    if (name === '') report.error(at, 'name required for HttpCookie attribute')
    if (names.has(name)) report.error(at, `duplicate HttpCookie attribute ${name}`)
    names.add(name)
  }
}

function checkWarmup(report: Report, path: string, warmup: Fields): void {
  const { duration, minimumPercent, aggression } = warmup
  if (typeof duration === 'string') report.check(`${path}.duration`, durationProblem(duration))
  else report.error(`${path}.duration`, 'duration is required for warmup')
  if (numberOf(minimumPercent) > 100) report.error(`${path}.minimumPercent`, 'minimumPercent must be at most 100')
  if (typeof aggression === 'number' && aggression <= 0) report.error(`${path}.aggression`, 'aggression must be greater than 0')
}

function checkLocalities(report: Report, path: string, setting: Fields, hasOutlierDetection: boolean): void {
  const distribute = listOf(setting['distribute'])
  const failover = listOf(setting['failover'])
  if (distribute.length > 0 && failover.length > 0) {
    report.error(`${path}.failover`, "can not simultaneously specify 'distribute' and 'failover'")
    return
  }
  for (const [i, share] of distribute.entries()) checkShares(report, fieldAt(`${path}.distribute`, i), fieldsOf(fieldsOf(share)['to']))
  report.check(`${path}.distribute`, localitiesProblem(distribute.map((share) => textOf(fieldsOf(share)['from']))))
  if ((failover.length > 0 || listOf(setting['failoverPriority']).length > 0) && !hasOutlierDetection) {
    report.warning(path, 'outlier detection policy must be provided for failover')
  }
  checkFailover(report, path, setting)
}

function checkShares(report: Report, path: string, to: Fields): void {
  const weights = Object.values(to).map(numberOf)
  if (weights.some((weight) => weight <= 0 || weight > 100)) {
    report.error(`${path}.to`, 'locality weight must be in range [1, 100]')
    return
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total !== 100) report.error(`${path}.to`, `total locality weight ${total} != 100`)
  report.check(`${path}.to`, localitiesProblem(Object.keys(to)))
}

const topologyLabels: ReadonlySet<string> = new Set([
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
])

function checkFailover(report: Report, path: string, setting: Fields): void {
  const failover = listOf(setting['failover'])
  const priority = listOf(setting['failoverPriority']).map(textOf)
  const topology = failover.length > 0 ? priority.find((label) => topologyLabels.has(label)) : undefined
  if (topology !== undefined) {
    const message = `can not simultaneously set 'failover' and topology label '${topology}' in 'failover_priority'`
    report.error(`${path}.failoverPriority`, message)
  }
  for (const [i, step] of failover.entries()) {
    const at = fieldAt(`${path}.failover`, i)
    const from = textOf(fieldsOf(step)['from'])
    const to = textOf(fieldsOf(step)['to'])
    if (from === to) report.error(at, 'locality lb failover settings must specify different regions')
    if (`${from}${to}`.includes('/')) report.error(at, 'locality lb failover only specify region')
    if (`${from}${to}`.includes('*')) report.error(at, "locality lb failover region should not contain '*' wildcard")
  }
}

function localitiesProblem(localities: readonly string[]): string | undefined {
  const seen: string[] = []
  for (const locality of localities) {
    const stars = locality.split('*').length - 1
    if (stars > 1 || (stars === 1 && !locality.endsWith('*'))) {
      return `locality ${locality} wildcard '*' number can not exceed 1 and must be in the end`
    }
    if (locality.split('/').includes('')) return `locality ${locality} must not contain empty region/zone/subzone info`
    const plain = locality.replace(/\/?\*$/, '')
    const overlaps = seen.some((other) => other === '' || plain === other || plain.startsWith(`${other}/`) || other.startsWith(`${plain}/`))
    if (overlaps) return `locality ${locality} overlap with previous specified ones`
    seen.push(plain)
  }
  return undefined
}

function isPrime(n: number): boolean {
  if (n < 4) return n > 1
  if (n % 2 === 0) return false
  for (let factor = 3; factor * factor <= n; factor += 2) {
    if (n % factor === 0) return false
  }
  return true
}
