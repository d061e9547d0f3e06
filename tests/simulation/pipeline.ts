// Takes declarations the whole way to verdicts, without sockets: YAML, model, translation, runtime, decision.
import { parseIp } from '../../src/base/index.ts'
import { type ReadOptions, readText } from '../../src/config/index.ts'
import { buildModel } from '../../src/model/index.ts'
import { type Call, play, type Played, tell } from '../../src/runtime/play.test-kit.ts'
import { compile, type Runtime } from '../../src/runtime/index.ts'
import { translate } from '../../src/translate/index.ts'
import { keepCall, keepRuntime } from '../support/simulation.ts'

export interface Setting extends ReadOptions {
  readonly role?: 'sidecar' | 'gateway'
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Addresses of the node itself. */
  readonly own?: readonly string[]
  /** Gateways without an address run beside the sidecar, with their sockets here. */
  readonly sockets?: string
}

/** What a proxy runs by when `yaml` is declared; REGISTRY_ONLY unless said otherwise. */
export function runtimeFor(yaml: string, setting: Setting = {}): Runtime {
  const { role = 'sidecar', namespace = 'default', labels = {}, own = [], sockets, ...options } = setting
  const { resources, settings, issues } = readText(yaml, 'policy.yaml', { outboundPolicy: 'REGISTRY_ONLY', ...options })
  const errors = issues.filter((issue) => issue.level === 'error' && issue.code !== 'SLP1201')
  if (errors.length > 0) throw new Error(errors.map((issue) => issue.message).join('\n'))
  const model = buildModel(resources, settings)
  const translated = translate(
    model,
    { role, namespace, labels, name: 'one' },
    sockets === undefined ? {} : { embeddedGateway: { socketDirectory: sockets } },
  )
  const compiled = compile(translated.snapshot, { addresses: own.flatMap((ip) => parseIp(ip) ?? []) })
  return keepRuntime(compiled, role, translated.snapshot)
}

export interface Attempt extends Call {
  /** Dials the address that the sidecar's DNS gives out for this name. */
  readonly toName?: { readonly name: string; readonly port: number }
}

export function attempt(runtime: Runtime, { toName, ...call }: Omit<Attempt, 'to'> & { readonly to?: string }): Played {
  const ip = toName && (runtime.declaredName(toName.name)?.addresses[0] ?? '240.241.0.1')
  const full: Call = toName ? { ...call, to: `${ip}:${toName.port}`, virtualName: toName.name } : { to: '192.0.2.1:80', ...call }
  const played = play(runtime, full)
  keepCall(runtime, asSpoken(full), played.end)
  return played
}

/** In the words of the other player. */
function asSpoken({ says, resolver = {}, ...call }: Call) {
  const names = Object.fromEntries(Object.entries(resolver).map(([name, found]) => [name, typeof found === 'string' ? [] : found]))
  const { to, listener, method, path, virtualName, random, chance } = call
  return {
    to,
    names,
    ...(listener !== undefined && { listener }),
    ...(method !== undefined && { method }),
    ...(path !== undefined && { path }),
    ...(virtualName !== undefined && { virtualName }),
    ...(random !== undefined && { random }),
    // Headers are given as a function there.
    ...((chance !== undefined || call.headers !== undefined) && { chance: {} }),
    ...(says?.protocol === 'http1' && { host: says.host ?? '' }),
    ...(says?.protocol === 'tls' && (says.sni === undefined ? { bytes: true as const } : { sni: says.sni })),
    ...((says?.protocol === 'other' || says?.protocol === 'http2') && { bytes: true as const }),
  }
}

export { tell }
