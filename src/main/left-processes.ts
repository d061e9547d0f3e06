// Ends processes of Pods that a killed server has left behind, before it starts them anew: who they are is read of the machine, not of an object that somebody may write.
import { readdirSync, readFileSync } from 'node:fs'

const limits = { SIGTERM: 10_000, SIGKILL: 5000 } as const
const lookMs = 50

/** Resolves when no process of this Pod runs any more, or none that could be ended. */
export async function endLeft(uid: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of processesOf(uid)) end(pid, signal)
    for (let waited = 0; waited < limits[signal] && processesOf(uid).length > 0; waited += lookMs)
      await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

/** Their command line has the Pod's uid, which no other has. */
function processesOf(uid: string): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^[0-9]+$/.test(name)) return []
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      const at = words.indexOf('--pod-uid')
      return at >= 0 && words[at + 1] === uid ? [Number(name)] : []
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended, or is another user's: then it is none of ours.
    return
  }
}
