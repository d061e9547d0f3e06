// Says in which columns pods are shown: how many of their containers are ready, and in one word how they fare.
import { fieldAtPath, type Json, type JsonObject, type KubeObject } from '../object.ts'
import { age, ageColumn, column, nameColumn, objectsOf, textOf, type Column } from './column.ts'

const none = '<none>'
const wide = { priority: 1 } as const
const textAt = (object: KubeObject, ...path: string[]): string => textOf(fieldAtPath(object, path))

export const podColumns: readonly Column[] = [
  nameColumn,
  column(
    'Ready',
    'how many of its containers take traffic',
    (object) => `${readyOf(object)}/${objectsOf(fieldAtPath(object, ['spec', 'containers'])).length}`,
  ),
  column('Status', 'how it fares', podStatus),
  column('Restarts', 'how often containers were started again, and when last', restarts),
  ageColumn,
  column(
    'IP',
    'its address',
    (object) => textOf(fieldAtPath(objectsOf(fieldAtPath(object, ['status', 'podIPs']))[0], ['ip'])) || none,
    wide,
  ),
  column('Node', 'the node it runs on', (object) => textAt(object, 'spec', 'nodeName') || none, wide),
  column('Nominated Node', 'the node it waits for', (object) => textAt(object, 'status', 'nominatedNodeName') || none, wide),
  column('Readiness Gates', 'how many further conditions hold', readinessGates, wide),
]

function statusesOf(object: KubeObject): readonly JsonObject[] {
  return objectsOf(fieldAtPath(object, ['status', 'containerStatuses']))
}

function readyOf(object: KubeObject): number {
  return statusesOf(object).filter((status) => status['ready'] === true && fieldAtPath(status, ['state', 'running']) !== undefined).length
}

/** The first of the containers that says something; else what the pod as a whole says. */
function podStatus(object: KubeObject): string {
  const { deletionTimestamp } = object.metadata
  let reason = textAt(object, 'status', 'reason') || textAt(object, 'status', 'phase')
  let isRunning = false
  for (const status of [...statusesOf(object)].reverse()) {
    const told = containerReason(status)
    if (told !== undefined) reason = told
    isRunning ||= status['ready'] === true && fieldAtPath(status, ['state', 'running']) !== undefined
  }
  if (reason === 'Completed' && isRunning) reason = isReady(object) ? 'Running' : 'NotReady'
  if (deletionTimestamp === undefined) return reason
  if (textAt(object, 'status', 'reason') === 'NodeLost') return 'Unknown'
  return reason === 'Succeeded' || reason === 'Failed' ? reason : 'Terminating'
}

function containerReason(status: JsonObject): string | undefined {
  const waiting = textOf(fieldAtPath(status, ['state', 'waiting', 'reason']))
  if (waiting !== '') return waiting
  const terminated = fieldAtPath(status, ['state', 'terminated'])
  if (terminated === undefined) return undefined
  const reason = textOf(fieldAtPath(terminated, ['reason']))
  if (reason !== '') return reason
  const signal = fieldAtPath(terminated, ['signal'])
  return typeof signal === 'number' && signal !== 0 ? `Signal:${signal}` : `ExitCode:${textOf(fieldAtPath(terminated, ['exitCode']))}`
}

function isReady(object: KubeObject): boolean {
  return conditionsOf(object).some((condition) => condition['type'] === 'Ready' && condition['status'] === 'True')
}

function conditionsOf(object: KubeObject): readonly JsonObject[] {
  return objectsOf(fieldAtPath(object, ['status', 'conditions']))
}

function restarts(object: KubeObject, now: number): string {
  let count = 0
  let last: string | undefined
  for (const status of statusesOf(object)) {
    const restarted = status['restartCount']
    count += typeof restarted === 'number' ? restarted : 0
    const finished = textOf(fieldAtPath(status, ['lastState', 'terminated', 'finishedAt']))
    if (finished !== '' && (last === undefined || finished > last)) last = finished
  }
  return count > 0 && last !== undefined ? `${count} (${age(last, now)} ago)` : String(count)
}

function readinessGates(object: KubeObject): Json {
  const gates = objectsOf(fieldAtPath(object, ['spec', 'readinessGates']))
  if (gates.length === 0) return none
  const holds = (type: Json | undefined): boolean =>
    conditionsOf(object).some((condition) => condition['type'] === type && condition['status'] === 'True')
  return `${gates.filter((gate) => holds(gate['conditionType'])).length}/${gates.length}`
}
