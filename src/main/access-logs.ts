// Writes access logs to where the declarations send them, also when they send them elsewhere later.
import { messageOf, type Watchable } from '../base/index.ts'
import type { AccessLogPlan } from '../model/index.ts'
import { flowClosed, openAccessLog } from '../telemetry/index.ts'

/** Writes until the returned function is called. Throws when the log cannot be opened. */
export function writeAccessLog({ path, encoding, format }: AccessLogPlan): () => Promise<void> {
  const log = openAccessLog(path, {
    encoding,
    ...(format && { format }),
    onUnknown: (problem) => process.stderr.write(`sallyport: the format of the access log ${path}: ${problem}: "-" stands for it\n`),
  })
  const stop = flowClosed.subscribe(({ record, access }) => log.write(record, access))
  return async () => {
    stop()
    await log.close()
  }
}

/** Throws when a log of the beginning cannot be opened; of a later one it is only told. */
export function followAccessLogs(plans: Watchable<readonly AccessLogPlan[]>): () => Promise<void> {
  const open = new Map<string, () => Promise<void>>()
  for (const plan of plans.value) open.set(keyOf(plan), writeAccessLog(plan))
  const stop = plans.watch((now) => {
    const wanted = new Map(now.map((plan) => [keyOf(plan), plan]))
    for (const [key, close] of open) {
      if (wanted.has(key)) continue
      open.delete(key)
      void close()
    }
    for (const [key, plan] of wanted) {
      if (open.has(key)) continue
      try {
        open.set(key, writeAccessLog(plan))
      } catch (error) {
        process.stderr.write(`sallyport: ${messageOf(error)}\n`)
      }
    }
  })
  return async () => {
    stop()
    for (const close of open.values()) await close()
  }
}

function keyOf(plan: AccessLogPlan): string {
  return JSON.stringify([plan.path, plan.encoding, plan.format])
}
