// Ends TLS at a gateway as a decision says, within a time limit, and tells what the client has proven.
import { type Deadline, messageOf } from '../base/index.ts'
import type { FirstBytes, SecuredFacts } from '../flow/index.ts'
import { areOfMesh, type ServerTlsPlan } from '../runtime/index.ts'
import type { Context } from './context.ts'
import { secretMissing, TlsError } from './tls-error.ts'
import type { Dialling, ServerTlsSetup, Wire } from './transport.ts'
import { sanProblem } from './upstream/certificate-names.ts'

export interface TlsEnding {
  readonly context: Context
  readonly wire: Wire
  readonly plan: ServerTlsPlan
  /** The ClientHello, and what came after it. */
  readonly held: Uint8Array
  readonly first: FirstBytes | undefined
  onSecure(wire: Wire, secured: SecuredFacts): void
  onFail(words: string): void
}

/** One of the two is called, once and later, unless it is cancelled before. */
export function endTls(ending: TlsEnding): Dialling {
  const { context, wire, plan, held, first } = ending
  let setup: ServerTlsSetup
  try {
    setup = setupOf(context, plan, first)
  } catch (error) {
    const problem = messageOf(error)
    return context.clock.setTimer(0, () => {
      wire.close()
      ending.onFail(secretMissing(problem))
    })
  }
  const deadline: Deadline = context.deadlines.arm(context.limits.tlsHandshakeMs, () => {
    attempt.cancel()
    ending.onFail('TLS_error:_the_handshake_was_not_over_in_time:TLS_error_end')
  })
  const attempt = context.transport.endTls(wire, held, setup, {
    onSecure(secure, certificate) {
      deadline.cancel()
      const { principal } = secure
      ending.onSecure(secure, { by: plan, ...(principal !== undefined && { principal }), ...(certificate && { certificate }) })
    },
    onFail(error) {
      deadline.cancel()
      ending.onFail(error instanceof TlsError ? error.words : messageOf(error))
    },
  })
  return {
    cancel: () => {
      deadline.cancel()
      attempt.cancel()
    },
  }
}

function setupOf(context: Context, plan: ServerTlsPlan, first: FirstBytes | undefined): ServerTlsSetup {
  const offered = first?.protocol === 'tls' ? first.alpn : []
  return {
    context: context.contexts.of(plan, 'server'),
    // Without one in common nothing is chosen, as with Envoy; Node would break off.
    alpn: plan.alpn.filter((protocol) => offered.includes(protocol)),
    asksForCertificate: plan.roots !== undefined,
    mayLackCertificate: plan.mayLackCertificate === true,
    isMesh: areOfMesh(plan.roots),
    judgeNames: (certificate) => sanProblem(certificate, plan.sans),
  }
}
