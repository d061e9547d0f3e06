// Names every channel on which something is told, with what it carries: logs, metrics and tests subscribe, and the rooms that publish know none of them.
import { channel } from '../base/index.ts'
import type { AccessDetails, FlowPath, FlowProtocol, FlowRecord, FlowSource, PlacedRef, Verdict } from '../flow/index.ts'

/** Told once when a flow begins; exactly one `FlowClosed` with the same id follows. */
export interface FlowOpened {
  readonly id: string
  readonly kind: FlowRecord['kind']
  readonly role: FlowRecord['role']
}

/** Told once when it is known where a connection's bytes go, so that long connections are seen before they end. */
export interface FlowDecided {
  readonly id: string
  readonly kind: FlowRecord['kind']
  readonly role: FlowRecord['role']
  readonly source: FlowSource
  readonly protocol: FlowProtocol
  readonly verdict: Verdict
  readonly reason: FlowRecord['reason']
  readonly path: FlowPath
  readonly by?: PlacedRef | undefined
  readonly cluster?: string | undefined
  readonly host?: string | undefined
  readonly sni?: string | undefined
}

export interface FlowClosed {
  readonly record: FlowRecord
  /** Made when it is first asked for, and only during the call that tells of it. */
  readonly access: AccessDetails | undefined
}

export interface ConfigPublished {
  /** Content hash of what was published: an edit that changes nothing keeps it. */
  readonly version: string
  readonly resources: number
  readonly errors: number
  readonly warnings: number
  /** Parts of resources that the data plane cannot carry out and refuses. */
  readonly rejections: number
  /** From the first sign of the change to the moment when traffic is judged by it. */
  readonly durationMs: number
}

export interface ConfigIssue {
  readonly level: 'error' | 'warning'
  readonly code: string
  /** What is wrong, where, and what to do, in words. */
  readonly message: string
  /** `file:line:column`, where known. */
  readonly place?: string
}

export interface DnsQuery {
  readonly name: string
  readonly type: string
  readonly answer: 'virtual' | 'declared' | 'refusal-address' | 'forwarded' | 'refused' | 'nxdomain' | 'failed'
  readonly durationMs: number
}

/** A connection or request was turned away because memory, places or time ran short. */
export interface OverloadShed {
  readonly kind: 'connection' | 'request'
  readonly what: 'memory' | 'share' | 'time'
}

export interface LinesDropped {
  /** Path of the file, or `-`. */
  readonly target: string
  readonly lines: number
}

/** The table: what is told on each channel. */
export const events = {
  flowOpened: {
    channel: channel<FlowOpened>('sallyport:flow:opened'),
    text: 'a connection, request, refused packet or refused query begins',
  },
  flowDecided: { channel: channel<FlowDecided>('sallyport:flow:decided'), text: 'the way that a connection takes is known' },
  flowClosed: { channel: channel<FlowClosed>('sallyport:flow:closed'), text: 'a flow has ended in its one record' },
  configPublished: { channel: channel<ConfigPublished>('sallyport:config:published'), text: 'traffic is judged by a new configuration' },
  configIssue: { channel: channel<ConfigIssue>('sallyport:config:issue'), text: 'something in the configuration is wrong' },
  dnsQuery: { channel: channel<DnsQuery>('sallyport:dns:query'), text: 'a DNS question of a workload was answered' },
  overloadShed: {
    channel: channel<OverloadShed>('sallyport:overload:shed'),
    text: 'a connection or request was turned away for want of memory, places or time',
  },
  linesDropped: {
    channel: channel<LinesDropped>('sallyport:output:dropped'),
    text: 'an output could not follow, and lines for it were dropped',
  },
} as const

export const flowOpened = events.flowOpened.channel
export const flowDecided = events.flowDecided.channel
export const flowClosed = events.flowClosed.channel
export const configPublished = events.configPublished.channel
export const configIssue = events.configIssue.channel
export const dnsQuery = events.dnsQuery.channel
export const overloadShed = events.overloadShed.channel
export const linesDropped = events.linesDropped.channel
