// Judges the HTTP rules of VirtualServices, one by one as Istio does and with Istio's words.
import { fieldsOf } from '../base/index.ts'
import { fieldAt } from './field-path.ts'
import { textOf } from './fields.ts'
import type { Report } from './finding.ts'
import { checkHeaders } from './header-rules.ts'
import { checkHttpMatch } from './http-match-rules.ts'
import {
  checkCors,
  checkDirectResponse,
  checkFault,
  checkMirrors,
  checkRedirect,
  checkRetries,
  checkRewrite,
} from './http-feature-rules.ts'
import { durationProblem } from './names.ts'
import { checkRouteDestinations } from './route-destination-rules.ts'
import type { HttpRoute } from './virtual-service.ts'

export interface HttpContext {
  /** The VirtualService has no hosts: another one delegates to it. */
  readonly isDelegate: boolean
  /** It is not bound to the mesh. */
  readonly gatewaysOnly: boolean
}

export function checkHttpRoute(report: Report, path: string, route: HttpRoute, context: HttpContext): void {
  checkConflicts(report, path, route, context)
  const delegating = context.isDelegate || route.delegate !== undefined
  for (const [i, match] of (route.match ?? []).entries()) {
    checkHttpMatch(report, fieldAt(`${path}.match`, i), match, { delegating, gatewaysOnly: context.gatewaysOnly })
  }
  checkHeaders(report, `${path}.headers`, route.headers)
  checkCors(report, `${path}.corsPolicy`, route.corsPolicy)
  checkFault(report, `${path}.fault`, route.fault)
  checkMirrors(report, path, route)
  checkRedirect(report, `${path}.redirect`, route.redirect, route.match ?? [])
  checkDirectResponse(report, `${path}.directResponse`, route.directResponse)
  checkRetries(report, `${path}.retries`, route.retries)
  checkRewrite(report, `${path}.rewrite`, route.rewrite)
  checkAuthority(report, path, route)
  checkRouteDestinations(report, `${path}.route`, route.route ?? [])
  for (const [i, destination] of (route.route ?? []).entries()) {
    checkHeaders(report, `${fieldAt(`${path}.route`, i)}.headers`, destination.headers)
  }
  if (route.timeout !== undefined) report.check(`${path}.timeout`, durationProblem(route.timeout))
}

function checkConflicts(report: Report, path: string, route: HttpRoute, context: HttpContext): void {
  const { redirect, directResponse, delegate, fault, rewrite } = route
  const hasRoute = (route.route ?? []).length > 0
  const name = route.name ?? ''
  if (delegate !== undefined && !context.isDelegate) {
    if (redirect !== undefined) report.error(`${path}.redirect`, `root HTTP route ${name} must not specify redirect`)
    if (hasRoute) report.error(`${path}.route`, `root HTTP route ${name} must not specify route`)
    return
  }
  if (delegate !== undefined) report.error(`${path}.delegate`, 'delegate HTTP route cannot contain delegate')
  if (redirect !== undefined) {
    if (hasRoute) report.error(`${path}.redirect`, 'HTTP route cannot contain both route and redirect')
    if (fault !== undefined) report.error(`${path}.fault`, 'HTTP route cannot contain both fault and redirect')
    if (rewrite !== undefined) report.error(`${path}.rewrite`, 'HTTP route rule cannot contain both rewrite and redirect')
    if (directResponse !== undefined) {
      report.error(`${path}.directResponse`, 'HTTP route rule cannot contain both direct_response and redirect')
    }
  } else if (directResponse !== undefined) {
    if (hasRoute) report.error(`${path}.directResponse`, 'HTTP route cannot contain both route and direct_response')
    if (fault !== undefined) report.error(`${path}.fault`, 'HTTP route cannot contain both fault and direct_response')
    if (rewrite !== undefined) report.error(`${path}.rewrite`, 'HTTP route rule cannot contain both rewrite and direct_response')
  } else if (!hasRoute) {
    report.error(`${path}.route`, 'HTTP route, redirect or direct_response is required', 'add a `route` with a `destination`')
  }
}

/** Host may be set in one place only. */
function checkAuthority(report: Report, path: string, route: HttpRoute): void {
  let current = textOf(fieldsOf(route.rewrite)['authority'])
  const request = fieldsOf(fieldsOf(route.headers)['request'])
  for (const operation of ['set', 'add']) {
    for (const [name, value] of Object.entries(fieldsOf(request[operation]))) {
      if (!isAuthority(name)) continue
      if (current !== '') {
        const message = `authority header cannot be set multiple times: have "${current}", attempting to set "${textOf(value)}"`
        report.error(fieldAt(`${path}.headers.request.${operation}`, name), message)
        return
      }
      current = textOf(value)
    }
  }
}

function isAuthority(name: string): boolean {
  return /^(:authority|host)$/i.test(name)
}
