// Applies JSON patches (RFC 6902). All of a patch is applied, or nothing.
import { isJsonObject, isSameJson, setField, type Json, type JsonObject } from '../object.ts'
import { badRequest, StatusError, type Status } from '../status.ts'
import { deepCopy, type Draft } from './copy.ts'

const mostOperations = 10_000
/** Copies of copies grow without end otherwise. */
const mostCopied = 3 * 1024 * 1024

/** Throws a StatusError. Differs from Kubernetes: pointers are strict, so no negative index, and nothing that is missing is copied or equals null. */
export function applyJsonPatch(document: JsonObject, patch: Json): Json {
  if (!Array.isArray(patch)) {
    throw new StatusError(
      badRequest(
        `error decoding patch: json: cannot unmarshal ${isJsonObject(patch) ? 'object' : typeof patch} into Go value of type []handlers.jsonPatchOp`,
      ),
    )
  }
  if (patch.length > mostOperations) {
    throw new StatusError(tooMany(`The allowed maximum operations in a JSON patch is ${mostOperations}, got ${patch.length}`))
  }
  const state: State = { root: deepCopy(document), copied: 0 }
  for (const [index, operation] of patch.entries()) apply(state, operation, index)
  return state.root
}

interface State {
  root: Json
  copied: number
}

type List = Json[]

function apply(state: State, operation: Json, index: number): void {
  if (!isJsonObject(operation)) throw rejected(`operation ${index} is no object`)
  const { op, path, from, value } = operation
  const told = (what: string): StatusError =>
    rejected(`operation ${index}, ${JSON.stringify(op ?? null)} at ${JSON.stringify(path ?? null)}: ${what}`)
  if (typeof path !== 'string') throw told('it has no path')
  const source = (): string => {
    if (typeof from !== 'string') throw told('it has no from')
    return from
  }
  switch (op) {
    case 'add':
      return add(state, pointer(path, told), given(value), told)
    case 'remove':
      remove(state, pointer(path, told), told)
      return
    case 'replace':
      return replace(state, pointer(path, told), given(value), told)
    case 'test':
      if (!isSameJson(read(state.root, pointer(path, told), told), given(value))) throw told('the value is another')
      return
    case 'move': {
      if (path.startsWith(`${source()}/`)) throw told('a value cannot be moved into itself')
      return add(state, pointer(path, told), remove(state, pointer(source(), told), told), told)
    }
    case 'copy': {
      const copied = deepCopy(read(state.root, pointer(source(), told), told))
      state.copied += JSON.stringify(copied).length
      if (state.copied > mostCopied)
        throw new StatusError(
          tooMany(
            `Unable to complete the copy, the accumulated size increase of copy is ${state.copied}, exceeding the limit ${mostCopied}`,
          ),
        )
      return add(state, pointer(path, told), copied, told)
    }
    default:
      throw told('there is no such operation')
  }
}

type Told = (what: string) => StatusError

function given(value: Json | undefined): Json {
  return value ?? null
}

/** `/a~1b/0` is `a/b` and `0`. */
function pointer(path: string, told: Told): readonly string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw told('a pointer begins with a slash')
  if (/~(?![01])/.test(path)) throw told('~ stands before 0 or 1 only')
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function read(root: Json, path: readonly string[], told: Told): Json {
  let node = root
  for (const name of path) node = child(node, name, told)
  return node
}

function child(node: Json, name: string, told: Told): Json {
  const found = isList(node)
    ? node[indexIn(node, name, node.length - 1, told)]
    : isJsonObject(node) && Object.hasOwn(node, name)
      ? node[name]
      : undefined
  if (found === undefined) throw told(`${JSON.stringify(name)} is missing`)
  return found
}

function add(state: State, path: readonly string[], value: Json, told: Told): void {
  const name = path.at(-1)
  if (name === undefined) {
    state.root = value
    return
  }
  const parent = read(state.root, path.slice(0, -1), told)
  if (isList(parent)) parent.splice(name === '-' ? parent.length : indexIn(parent, name, parent.length, told), 0, value)
  else if (isJsonObject(parent)) setField(parent, name, value)
  else throw told('there is nothing to add to')
}

function remove(state: State, path: readonly string[], told: Told): Json {
  const name = path.at(-1)
  if (name === undefined) throw told('the whole cannot be removed')
  const parent = read(state.root, path.slice(0, -1), told)
  const value = child(parent, name, told)
  if (isList(parent)) parent.splice(Number(name), 1)
  else if (isJsonObject(parent)) takeOut(parent, name)
  return value
}

function replace(state: State, path: readonly string[], value: Json, told: Told): void {
  const name = path.at(-1)
  if (name === undefined) {
    state.root = value
    return
  }
  const parent = read(state.root, path.slice(0, -1), told)
  child(parent, name, told)
  if (isList(parent)) parent[Number(name)] = value
  else if (isJsonObject(parent)) setField(parent, name, value)
}

function indexIn(_list: List, name: string, last: number, told: Told): number {
  if (!/^(?:0|[1-9]\d{0,9})$/.test(name)) throw told(`${JSON.stringify(name)} is no index`)
  const index = Number(name)
  if (index > last) throw told(`there is no entry ${index}`)
  return index
}

/** What `deepCopy` made may be changed. */
function isList(value: Json): value is List {
  return Array.isArray(value)
}

function takeOut(object: Draft, name: string): void {
  delete object[name]
}

/** Kubernetes says no more than this; the cause says what it was. */
function rejected(why: string): StatusError {
  const message = 'the server rejected our request due to an error in our request'
  const details = { causes: [{ reason: 'UnexpectedServerResponse', message: why }] }
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'Invalid',
    details,
    code: 422,
  })
}

function tooMany(message: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'RequestEntityTooLarge', code: 413 }
}
