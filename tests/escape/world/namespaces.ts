// Makes network namespaces and puts the calling thread into them, so that one process can stand on several machines at once.
import { closeSync, openSync } from 'node:fs'
import { call, nameOf } from '../libc.ts'

/** A network namespace, kept by a descriptor. */
export interface NetworkNode {
  readonly fd: number
}

const newNetwork = 0x40000000
/** Of the thread that runs JavaScript; the others stay where the process began. */
const here = '/proc/thread-self/ns/net'

export function createNode(): NetworkNode {
  const home = openSync(here, 'r')
  check('unshare', call('unshare', newNetwork))
  const fd = openSync(here, 'r')
  check('setns', call('setns', home, newNetwork))
  closeSync(home)
  return { fd }
}

/** Sockets that are made and programs that are started meanwhile are in the node. One at a time: there is one thread. */
export async function within<T>(node: NetworkNode, work: () => Promise<T>): Promise<T> {
  const leave = enter(node)
  try {
    return await work()
  } finally {
    leave()
  }
}

export function withinNow<T>(node: NetworkNode, work: () => T): T {
  const leave = enter(node)
  try {
    return work()
  } finally {
    leave()
  }
}

function enter(node: NetworkNode): () => void {
  const home = openSync(here, 'r')
  check('setns', call('setns', node.fd, newNetwork))
  return () => {
    check('setns', call('setns', home, newNetwork))
    closeSync(home)
  }
}

function check(what: string, result: number): void {
  if (result < 0) throw new Error(`${what}: ${nameOf(result)}`)
}
