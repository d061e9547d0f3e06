// Prepares the TLS of each connection that is dialled, and resumes sessions.
import type { SecureContext } from 'node:tls'
import { messageOf, parseIp, splitAuthority } from '../../base/index.ts'
import { areOfMesh, type TlsPlan } from '../../runtime/index.ts'
import type { SecureContexts } from '../secure-contexts.ts'
import type { TlsSetup } from '../transport.ts'
import { nameProblem } from './certificate-names.ts'

/** Sessions that are kept for each plan, one for each server name. */
const MAX_SESSIONS = 256

interface PlanState {
  context: SecureContext | undefined
  readonly sessions: Map<string, Buffer>
}

export class TlsSettings {
  readonly #contexts: SecureContexts
  readonly #plans = new WeakMap<TlsPlan, PlanState>()

  constructor(contexts: SecureContexts) {
    this.#contexts = contexts
  }

  /** `authority` is that of the request; absent for bytes that are no request. A problem is told in words. */
  prepare(plan: TlsPlan, authority: string | undefined, isHttp2 = false): TlsSetup | { readonly problem: string } {
    const state = this.#stateOf(plan)
    let context: SecureContext
    try {
      context = this.#contexts.of(plan, 'client')
    } catch (error) {
      return { problem: messageOf(error) }
    }
    if (state.context !== context) {
      state.context = context
      state.sessions.clear()
    }
    const host = authority === undefined ? plan.host : hostOf(authority)
    const serverName = plan.sni ?? (plan.autoSni && host !== undefined && parseIp(host) === undefined ? host : '')
    // What was judged for one host must not be resumed for another, even when neither was asked for by name.
    const sessionKey = `${serverName} ${plan.autoSan ? (host ?? '') : ''}`
    return {
      context,
      serverName,
      alpn: plan.alpn.length > 0 ? plan.alpn : authority === undefined ? [] : [isHttp2 ? 'h2' : 'http/1.1'],
      isVerified: plan.roots !== undefined,
      isMesh: areOfMesh(plan.roots),
      judgeNames: (certificate) => nameProblem(certificate, plan, host),
      session: state.sessions.get(sessionKey),
      keepSession: (session) => {
        if (state.context !== context) return
        if (state.sessions.size >= MAX_SESSIONS) state.sessions.clear()
        state.sessions.set(sessionKey, session)
      },
    }
  }

  #stateOf(plan: TlsPlan): PlanState {
    const known = this.#plans.get(plan)
    if (known) return known
    const state: PlanState = { context: undefined, sessions: new Map() }
    this.#plans.set(plan, state)
    return state
  }
}

/** In lower case and without port, as Envoy asks for it; no certificate and no server name ends in a dot (RFC 6066 section 3). */
export function hostOf(authority: string): string {
  return (splitAuthority(authority)?.host ?? authority).toLowerCase().replace(/\.$/, '')
}
