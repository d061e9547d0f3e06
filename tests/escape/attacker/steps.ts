// Lists everything the attacker can do, by name; attempts are sequences of these.
import type { Context } from './context.ts'
import * as files from './files.ts'
import * as kernel from './kernel.ts'
import * as names from './names.ts'
import * as network from './network.ts'
import * as processes from './processes.ts'
import * as terminal from './terminal.ts'

const primitives = {
  tcp: network.tcp,
  h2: network.h2,
  udp: network.udp,
  socket: network.socket,
  frame: network.frame,
  resolve: names.resolve,
  query: names.query,
  question: names.question,
  holdFamilies: kernel.holdFamilies,
  hold: kernel.hold,
  foreignCalls: kernel.foreignCalls,
  leaveKey: kernel.leaveKey,
  requestKey: kernel.requestKey,
  leaveMessage: kernel.leaveMessage,
  unix: files.unix,
  unixDatagram: files.unixDatagram,
  write: files.write,
  replace: files.replace,
  prowl: files.prowl,
  byHandle: files.byHandle,
  inherited: files.inherited,
  run: files.run,
  leaveBehind: files.leaveBehind,
  enterNetworks: processes.enterNetworks,
  kill: processes.kill,
  writeMemory: processes.writeMemory,
  trace: processes.trace,
  stealDescriptors: processes.stealDescriptors,
  become: processes.become,
  raiseCapabilities: processes.raiseCapabilities,
  askKernel: processes.askKernel,
  inOwnNamespaces: processes.inOwnNamespaces,
  connectToListeners: processes.connectToListeners,
  takeOverPorts: processes.takeOverPorts,
  typeLine: terminal.typeLine,
  askConsole: terminal.askConsole,
  writeOn: terminal.writeOn,
}
type Primitives = typeof primitives

/** One thing to do; its fields are the argument of the primitive it names. */
export type Step = { [K in keyof Primitives]: { readonly do: K } & Parameters<Primitives[K]>[0] }[keyof Primitives] | Alone

/** In a process of its own, since it changes the process that does it, or may end it. */
export interface Alone {
  readonly do: 'alone'
  readonly steps: readonly Step[]
}

/** Resolves with what happened, as the attacker saw it: for people to read, never for the verdict. */
export async function carryOut(step: Exclude<Step, Alone>, context: Context): Promise<string> {
  const primitive = primitives[step.do] as (step: Step, context: Context) => Promise<string> | string
  return primitive(step, context)
}
