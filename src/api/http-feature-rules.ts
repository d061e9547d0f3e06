// Judges what HTTP rules do with requests besides forwarding them, as Istio does and with Istio's words.
import { fieldsOf, isFields } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { listOf, numberOf, textOf } from './fields.ts'
import type { Report } from './finding.ts'
import { checkNewAuthority } from './header-rules.ts'
import { headerNameProblem, regexProblem } from './http-match-rules.ts'
import { durationProblem, portProblem } from './names.ts'
import { checkDestination } from './route-destination-rules.ts'
import type { Destination, HttpMatchRequest, HttpRoute } from './virtual-service.ts'

/** What Envoy can redirect with. Istio takes any 3xx, and Envoy then refuses the routes of the whole port (observed). */
const redirectCodes: ReadonlySet<number> = new Set([0, 301, 302, 303, 307, 308])
const oneOfCodes = 'use 301, 302, 303, 307 or 308'

export function checkRedirect(report: Report, path: string, value: unknown, matches: readonly HttpMatchRequest[]): void {
  if (!isFields(value)) return
  const { uri, authority, port, derivePort, scheme, redirectCode, prefixRewrite } = value
  if ([uri, authority, port, derivePort, scheme, prefixRewrite].every((field) => field === undefined || field === '')) {
    report.error(path, 'redirect must specify URI, authority, scheme, or port')
    return
  }
  if (textOf(uri) !== '' && textOf(prefixRewrite) !== '') {
    report.error(`${path}.prefixRewrite`, 'redirect may only contain one of URI or PrefixRewrite')
  }
  if (textOf(prefixRewrite) !== '' && matches.some((match) => match.uri?.prefix === undefined)) {
    report.error(`${path}.prefixRewrite`, 'redirect PrefixRewrite may only be used with a prefix match of the uri')
  }
  const code = numberOf(redirectCode)
  if (code !== 0 && (code < 300 || code > 399)) report.error(`${path}.redirectCode`, `${code} is not a valid redirect code, must be 3xx`)
  else if (!redirectCodes.has(code)) {
    report.unsupported(`${path}.redirectCode`, `no redirect has the code ${code}; requests that this rule matches are refused`, oneOfCodes)
  }
  if (textOf(scheme) !== '' && scheme !== 'http' && scheme !== 'https') {
    report.error(`${path}.scheme`, 'invalid redirect scheme, must be "http" or "https"')
  }
  if (numberOf(port) > 0) report.check(`${path}.port`, portProblem(numberOf(port)))
}

export function checkDirectResponse(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  const body = fieldsOf(value['body'])
  const size = Buffer.byteLength(textOf(body['string'])) + Buffer.byteLength(textOf(body['bytes']), 'base64')
  if (size > 1024 * 1024) {
    report.error(`${path}.body`, 'large direct_responses may impact control plane performance, must be less than 1MB')
  } else if (size > 100 * 1024) {
    report.warning(`${path}.body`, 'large direct_responses may impact control plane performance')
  }
  checkStatus(report, `${path}.status`, numberOf(value['status']))
}

/** 600 passes Istio's check, and Envoy then refuses the routes of the whole port (observed). */
function checkStatus(report: Report, path: string, status: number): void {
  report.check(path, httpStatusProblem(status))
  if (status === 600)
    report.unsupported(path, 'no answer has the status 600; requests that this rule matches are refused', 'use 200 to 599')
}

/** The message says 599, and Istio takes 600 nevertheless (observed). */
function httpStatusProblem(status: number): string | undefined {
  return status < 200 || status > 600 ? `HTTP status ${status} is not in range 200-599` : undefined
}

export function checkRewrite(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  const { uri, uriRegexRewrite, authority } = value
  if (textOf(uri) !== '' && uriRegexRewrite !== undefined) {
    report.error(`${path}.uriRegexRewrite`, 'rewrite may only contain one of URI or UriRegexRewrite')
  }
  if (textOf(uri) === '' && uriRegexRewrite === undefined && textOf(authority) === '') {
    const rule = 'rewrite must specify at least one of URI, UriRegexRewrite, or authority'
    report.error(path, `${rule}. Only one of URI or UriRegexRewrite may be specified`)
  }
  if (textOf(authority) !== '') checkNewAuthority(report, `${path}.authority`, textOf(authority))
  if (uriRegexRewrite === undefined) return
  const { match, rewrite } = fieldsOf(uriRegexRewrite)
  const at = `${path}.uriRegexRewrite`
  if (textOf(match) === '' || textOf(rewrite) === '') {
    report.error(at, 'UriRegexRewrite requires both Rewrite and Match fields to be specified')
  } else {
    report.check(`${at}.match`, regexProblem(textOf(match), 'HTTPRewrite.UriRegexRewrite.Match'))
  }
}

const retryPolicies: ReadonlySet<string> = new Set([
  ...words('5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream'),
  ...words('retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure cancelled'),
  ...words('deadline-exceeded internal resource-exhausted unavailable'),
])

/** The statuses that Go has a text for. */
const statusPattern = /^(10[0-3]|20[0-8]|226|30[0-578]|40\d|41[0-8]|42[1-689]|431|451|50[0-8]|51[01])$/

export function checkRetries(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  const { perTryTimeout, retryOn, retryRemoteLocalities, backoff } = value
  const attempts = numberOf(value['attempts'])
  if (attempts < 0) report.error(`${path}.attempts`, 'attempts cannot be negative')
  if (attempts === 0 && (perTryTimeout !== undefined || textOf(retryOn) !== '' || retryRemoteLocalities !== undefined)) {
    report.error(path, 'http retry policy configured when attempts are set to 0 (disabled)', 'say how many `attempts`')
  }
  if (typeof perTryTimeout === 'string') report.check(`${path}.perTryTimeout`, durationProblem(perTryTimeout))
  if (typeof backoff === 'string') report.check(`${path}.backoff`, durationProblem(backoff))
  if (textOf(retryOn) === '') return
  for (const policy of textOf(retryOn).split(',')) {
    if (statusPattern.test(policy) || retryPolicies.has(policy)) continue
    const fix = retryPolicies.has(policy.trim()) ? 'write it without spaces' : undefined
    report.error(`${path}.retryOn`, `${JSON.stringify(policy)} is not a valid retryOn policy`, fix)
  }
}

/** The codes of gRPC by name (grpc/doc/statuscodes.md). */
const grpcStatuses: ReadonlySet<string> = new Set([
  ...words('OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED'),
  ...words('RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS'),
  ...words('UNAUTHENTICATED'),
])

export function checkFault(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  const { abort, delay } = value
  if (abort === undefined && delay === undefined) report.error(path, 'HTTP fault injection must have an abort and/or a delay')
  if (isFields(abort)) {
    checkPercentage(report, `${path}.abort.percentage`, abort['percentage'])
    const { grpcStatus, http2Error, httpStatus } = abort
    if (http2Error !== undefined) report.error(`${path}.abort.http2Error`, 'HTTP/2 abort fault injection not supported yet')
    if (httpStatus !== undefined) checkStatus(report, `${path}.abort.httpStatus`, numberOf(httpStatus))
    if (grpcStatus !== undefined && !grpcStatuses.has(textOf(grpcStatus))) {
      const list = 'See https://github.com/grpc/grpc/blob/master/doc/statuscodes.md for a list of supported codes'
      const message = `gRPC status ${JSON.stringify(grpcStatus)} is not supported. ${list}, for example 'NOT_FOUND'`
      report.error(`${path}.abort.grpcStatus`, message)
    }
    if (grpcStatus === undefined && http2Error === undefined && httpStatus === undefined) {
      report.warning(`${path}.abort`, 'abort configured, but error type not set')
    }
  }
  if (!isFields(delay)) return
  checkPercentage(report, `${path}.delay.percentage`, delay['percentage'])
  const { fixedDelay, exponentialDelay } = delay
  if (typeof fixedDelay === 'string') report.check(`${path}.delay.fixedDelay`, durationProblem(fixedDelay))
  if (exponentialDelay !== undefined) report.error(`${path}.delay.exponentialDelay`, 'exponentialDelay not supported yet')
}

function checkPercentage(report: Report, path: string, value: unknown): void {
  const share = numberOf(fieldsOf(value)['value'])
  if (share < 0 || share > 100 || (share > 0 && share < 0.0001)) {
    report.error(path, `percentage ${share} is neither 0.0, nor in range [0.0001, 100.0]`)
  }
}

export function checkMirrors(report: Report, path: string, route: HttpRoute): void {
  if (route.mirror !== undefined && listOf(route.mirrors).length > 0) {
    report.error(`${path}.mirrors`, 'HTTP route cannot contain both mirror and mirrors')
  }
  if (isFields(route.mirror)) checkDestination(report, `${path}.mirror`, destinationOf(route.mirror))
  for (const [i, mirror] of listOf(route.mirrors).entries()) {
    const at = fieldAt(`${path}.mirrors`, i)
    const { destination, percentage } = fieldsOf(mirror)
    if (destination === undefined) report.error(`${at}.destination`, 'destination is required for mirrors')
    else checkDestination(report, `${at}.destination`, destinationOf(destination))
    checkMirrorShare(report, `${at}.percentage`, 'mirror percentage', percentage)
  }
  checkMirrorShare(report, `${path}.mirrorPercentage`, 'mirror_percentage', route.mirrorPercentage)
  if (route.mirrorPercent === undefined) return
  const percent = numberOf(route.mirrorPercent)
  if (percent > 100) report.error(`${path}.mirrorPercent`, `mirror_percent must have a max value of 100 (it has ${percent})`)
  report.warning(`${path}.mirrorPercent`, 'using deprecated setting "mirrorPercent", use "mirrorPercentage" instead')
}

function checkMirrorShare(report: Report, path: string, words: string, value: unknown): void {
  const share = numberOf(fieldsOf(value)['value'])
  if (share > 100) report.error(path, `${words} must have a max value of 100 (it has ${share.toFixed(6)})`)
  if (share < 0) report.error(path, `${words} must have a min value of 0 (it has ${share.toFixed(6)})`)
}

function destinationOf(value: unknown): Destination {
  const { host, subset, port } = fieldsOf(value)
  return {
    host: textOf(host),
    ...(subset === undefined ? {} : { subset: textOf(subset) }),
    ...(port === undefined ? {} : { port: { number: numberOf(fieldsOf(port)['number']) } }),
  }
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'])

export function checkCors(report: Report, path: string, value: unknown): void {
  if (!isFields(value)) return
  for (const [i, origin] of listOf(value['allowOrigins']).entries()) {
    const { exact, prefix, regex } = fieldsOf(origin)
    const at = fieldAt(`${path}.allowOrigins`, i)
    if ([exact, prefix, regex].every((field) => textOf(field) === '')) {
      report.error(at, "'' is not a valid match type for CORS allow origins")
    } else if (regex !== undefined) {
      report.check(`${at}.regex`, regexProblem(textOf(regex), 'corsPolicy.allowOrigins'))
    }
  }
  for (const [i, method] of listOf(value['allowMethods']).map(textOf).entries()) {
    if (!methods.has(method)) report.error(fieldAt(`${path}.allowMethods`, i), `${JSON.stringify(method)} is not a supported HTTP method`)
  }
  for (const field of ['allowHeaders', 'exposeHeaders']) {
    for (const [i, name] of listOf(value[field]).map(textOf).entries()) {
      if (name !== '*') report.check(fieldAt(`${path}.${field}`, i), headerNameProblem(name))
    }
  }
  const { maxAge } = value
  if (typeof maxAge !== 'string') return
  report.check(`${path}.maxAge`, durationProblem(maxAge))
  if (/\d(ms|us|\u00b5s|ns)$|\./.test(maxAge)) report.error(`${path}.maxAge`, 'max_age duration is accurate only to seconds precision')
}

function words(text: string): string[] {
  return text.split(' ')
}
