// Describes what a client of either form of xDS says and hears, without the messages that carry it.
import { typeUrls } from '../type-urls.ts'

export interface ReceivedResource {
  /** Empty in the state-of-the-world form, where only the resource itself says it. */
  readonly name: string
  /** Empty where the server gives none. */
  readonly version: string
  readonly typeUrl: string
  /** The resource, encoded. */
  readonly body: Uint8Array
}

/** One response. */
export interface Received {
  readonly typeUrl: string
  readonly nonce: string
  /** Of the response as a whole; for people. */
  readonly version: string
  readonly resources: readonly ReceivedResource[]
  readonly removed: readonly string[]
  /** Names of which it only says that what is held still counts. */
  readonly unchanged?: readonly string[]
  /** State of the world: what the client has of this type and is not in here is gone. */
  readonly isWhole: boolean
}

/** What of one type is wanted. */
export interface Interest {
  /** Everything that the server has for this node. */
  readonly isWildcard: boolean
  readonly names: ReadonlySet<string>
}

/** What is known already, so that it is not sent again. */
export interface Known {
  /** Versions of the resources that are held, by name; those without a version are left out. */
  versionsOf(typeUrl: string): ReadonlyMap<string, string>
}

/**
 * The client's side of one stream: pure bookkeeping. `Request` is what it wants sent. Everything that comes is given to `receive` and
 * later, once it is known whether it can be carried out, answered by `answer`, in the same order.
 */
export interface StreamState<Request> {
  /** What is said first, one request for each type. */
  open(): readonly Request[]
  /** Wants these names of the type from now on instead of those before; undefined when nothing needs to be said now. */
  subscribe(typeUrl: string, interest: Interest): Request | undefined
  receive(received: Received): void
  /** With a `problem`, the response was not carried out, or not wholly. Undefined when there is nothing to say. */
  answer(received: Received, problem?: string): Request | undefined
}

/** Envoy asks for clusters and listeners by an empty list, which is what the protocol began with; for other types the star has to be said. */
export const legacyWildcards: ReadonlySet<string> = new Set([typeUrls.cluster, typeUrls.listener])

/** Of these a state-of-the-world response has all that there is; of the others only some of what was asked for. */
export const wholeTypes: ReadonlySet<string> = new Set([...legacyWildcards, typeUrls.extension])

/** A NACK's code: google.rpc.Code.INVALID_ARGUMENT, as Envoy has it. */
export const nackCode = 3

/** Servers keep and log the text of a NACK: a resource with ten thousand problems must not make a message of a megabyte. */
const longestProblem = 4096

export function shortened(problem: string): string {
  return problem.length <= longestProblem ? problem : `${problem.slice(0, longestProblem - 1)}…`
}
