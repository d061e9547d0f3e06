// Says which attempts run together, on what, and what happens to the seal meanwhile.
import { type Attempt, placesOf } from './attempt.ts'
import { waitFor } from './attacker/network.ts'
import { declaredAddress, declaredAttempts, declaredHost } from './attempts/declared.ts'
import { doorAttempts } from './attempts/door.ts'
import { fileAttempts } from './attempts/files.ts'
import { kernelAttempts } from './attempts/kernel.ts'
import { nameAttempts } from './attempts/names.ts'
import { networkAttempts } from './attempts/network.ts'
import { descriptorAttempts, lifecycleAttempts, terminalAttempts } from './attempts/others.ts'
import { privilegeAttempts } from './attempts/privileges.ts'
import { socketAttempts } from './attempts/sockets.ts'
import { processesOf } from './judge/inspect.ts'
import type { Ledger, Trial } from './judge/ledger.ts'
import type { RunPlan } from './run.ts'
import { childrenOf } from '../support/node-process.ts'

export const attempts: readonly Attempt[] = [
  ...networkAttempts,
  ...nameAttempts,
  ...declaredAttempts,
  ...doorAttempts,
  ...kernelAttempts,
  ...socketAttempts,
  ...fileAttempts,
  ...privilegeAttempts,
  ...descriptorAttempts,
  ...terminalAttempts,
  ...lifecycleAttempts,
]

/** `nonce` and `offset` tell one run of the suite, and one phase of it, from another on the same machine. */
export function trialsOf(
  list: readonly Attempt[],
  { nonce, offset }: { readonly nonce: string; readonly offset: number },
): readonly Trial[] {
  return list.map((attempt) => ({ attempt, places: placesOf(attempts.indexOf(attempt) + 1 + offset, nonce) }))
}

/** What declares the one host. */
/** Envoy asks a resolver on loopback, which in this world is the machine's own that nobody may reach: it is told the address. */
export const policy = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: allowed
  namespace: default
spec:
  hosts: [${declaredHost}]
  location: MESH_EXTERNAL
  resolution: ${process.env['ENGINE'] === 'envoy' ? `STATIC\n  endpoints: [{ address: ${declaredAddress} }]` : 'DNS'}
  ports:
    - { number: 80, name: http, protocol: HTTP }
    - { number: 443, name: tls, protocol: TLS }
`

/** The command line that seals what follows it. */
export type Seal = (options: { readonly flows: string; readonly hasPolicy: boolean }) => readonly string[]

/** Without a seal, when there is none. */
export function planRuns(trials: readonly Trial[], ledger: Ledger, seal?: Seal): readonly RunPlan[] {
  const wrapper = (hasPolicy: boolean) => (flows: string) => seal?.({ flows, hasPolicy }) ?? []
  const some = (...names: readonly Attempt['theme'][]): readonly Trial[] =>
    trials.filter(({ attempt }) => names.includes(attempt.theme) && (seal !== undefined || !attempt.sealOnly))
  const groups: readonly RunPlan[] = [
    { name: 'packets, names, doors and files', trials: some('network', 'names', 'kernel', 'sockets', 'files'), wrapper: wrapper(false) },
    { name: 'rights and processes', trials: some('privileges'), wrapper: wrapper(false), props: 'neighbour' },
    { name: 'a declared host', trials: some('declared'), wrapper: wrapper(true) },
    { name: 'inherited descriptors', trials: some('descriptors'), wrapper: wrapper(false), props: 'descriptors' },
    { name: 'the terminal', trials: some('terminal'), wrapper: wrapper(false), props: 'terminal' },
  ]
  const lives = some('lifecycle').map(
    (trial): RunPlan => ({
      name: trial.attempt.name,
      trials: [trial],
      wrapper: wrapper(false),
      ...lifeOf(trial, ledger, seal !== undefined),
    }),
  )
  return [...groups, ...lives].filter((plan) => plan.trials.length > 0)
}

const standstillMs = 800
const goneMs = 4000

/** What is done to a seal, and that nothing is left of it afterwards. */
function lifeOf({ attempt, places }: Trial, ledger: Ledger, isSealed: boolean): Pick<RunPlan, 'meanwhile'> | Pick<RunPlan, 'afterwards'> {
  const { disturbance } = attempt
  if (!isSealed) return { meanwhile: () => pause(standstillMs) }
  return {
    async meanwhile({ pid }) {
      if (disturbance === undefined) return
      process.kill(memberOf(pid, disturbance.whom), disturbance.signal)
      await pause(standstillMs)
      if (disturbance.signal === 'SIGSTOP') process.kill(pid, 'SIGCONT')
    },
    async afterwards({ mark }) {
      if (!(await waitFor(() => processesOf(mark).length === 0, goneMs)))
        ledger.add({ what: 'processes that outlive the seal', text: places.token })
    },
  }
}

/** The sidecar starts one program that makes the namespaces, and that starts PID 1 inside. */
function memberOf(sidecar: number, whom: 'sidecar' | 'launcher' | 'init'): number {
  if (whom === 'sidecar') return sidecar
  const [launcher] = childrenOf(sidecar)
  const member = whom === 'launcher' ? launcher : childrenOf(launcher ?? 0)[0]
  if (member === undefined) throw new Error(`the seal has no ${whom}`)
  return member
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
