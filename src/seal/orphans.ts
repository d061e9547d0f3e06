// Reaps what the workload leaves behind: an init that does not collects zombies until no process can be started.
import { peekEndedChild, reap } from './libc.ts'

/** `isOurs`: children that Node itself waits for. */
export function reapOrphans(isOurs: (pid: number) => boolean): void {
  // Bounded by the number of processes that can have ended since the last time.
  for (let count = 0; count < 4096; count++) {
    const pid = peekEndedChild()
    if (pid === 0) return
    if (isOurs(pid)) {
      // Node collects it in this turn of its loop or the next; the peek shows the rest only after that.
      setImmediate(() => setTimeout(() => reapOrphans(isOurs), 10).unref())
      return
    }
    reap(pid)
  }
}
