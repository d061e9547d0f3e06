// Turns rules that answer by themselves into Envoy's redirects and direct responses.
import type { HttpDirectResponse, HttpRedirect } from '../api/index.ts'
import { create } from '../xds/index.ts'
import {
  DirectResponseActionSchema,
  RedirectActionSchema,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type Route,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.js'

const codes: Readonly<Record<number, RedirectCode>> = {
  0: RedirectCode.MOVED_PERMANENTLY,
  301: RedirectCode.MOVED_PERMANENTLY,
  302: RedirectCode.FOUND,
  303: RedirectCode.SEE_OTHER,
  307: RedirectCode.TEMPORARY_REDIRECT,
  308: RedirectCode.PERMANENT_REDIRECT,
}

/** `port` is the one of the listener, or of the server at a gateway: what the request's port is taken to be. */
export function redirectAction(redirect: HttpRedirect, port: number): Route['action'] {
  const { uri = '', authority = '', scheme = '', prefixRewrite = '' } = redirect
  const action = create(RedirectActionSchema, {
    hostRedirect: authority,
    pathRewriteSpecifier: prefixRewrite === '' ? { case: 'pathRedirect', value: uri } : { case: 'prefixRewrite', value: prefixRewrite },
    portRedirect: portOf(redirect, port),
    responseCode: codes[redirect.redirectCode ?? 0] ?? RedirectCode.MOVED_PERMANENTLY,
    ...(scheme !== '' && { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: scheme } }),
  })
  return { case: 'redirect', value: action }
}

/** The same host and path. */
export function httpsRedirectAction(): Route['action'] {
  const scheme = { case: 'httpsRedirect', value: true } as const
  return { case: 'redirect', value: create(RedirectActionSchema, { schemeRewriteSpecifier: scheme }) }
}

/** 0 = none. The usual port of a scheme is not written. */
function portOf({ port = 0, derivePort, scheme = '' }: HttpRedirect, listenerPort: number): number {
  const said = derivePort === 'FROM_REQUEST_PORT' ? listenerPort : port
  const isUsual = (said === 80 && scheme !== 'https') || (said === 443 && scheme === 'https')
  return isUsual ? 0 : said
}

export function directResponseAction({ status = 0, body }: HttpDirectResponse): Route['action'] {
  const specifier =
    body?.string !== undefined
      ? ({ case: 'inlineString', value: body.string } as const)
      : ({ case: 'inlineBytes', value: new Uint8Array(Buffer.from(body?.bytes ?? '', 'base64')) } as const)
  const hasBody = body?.string !== undefined || body?.bytes !== undefined
  return { case: 'directResponse', value: create(DirectResponseActionSchema, { status, ...(hasBody && { body: { specifier } }) }) }
}
