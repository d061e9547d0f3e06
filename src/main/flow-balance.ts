// Holds the promise that every flow ends in exactly one record: counts both ends, and tells the difference.
import { appendFileSync } from 'node:fs'
import { messageOf } from '../base/index.ts'
import { flowClosed, flowOpened } from '../telemetry/index.ts'

export interface FlowBalance {
  /** One sentence when flows were opened that no record tells of, or the other way round. */
  fault(): string | undefined
  close(): void
}

/** Names a file to which every process adds its numbers at its end, so that a whole test run can be held to the promise. */
export const tallyVariable = 'SALLYPORT_FLOW_TALLY'

export function watchFlowBalance(): FlowBalance {
  const tally = process.env[tallyVariable]
  let opened = 0
  let recorded = 0
  const stops = [flowOpened.subscribe(() => void opened++), flowClosed.subscribe(() => void recorded++)]
  return {
    fault: () =>
      opened === recorded
        ? undefined
        : `${opened} flows were opened and ${recorded} recorded: this is a fault of Sallyport, please report it`,
    close() {
      for (const stop of stops) stop()
      if (tally !== undefined) addTo(tally, { opened, recorded })
    },
  }
}

function addTo(tally: string, numbers: { readonly opened: number; readonly recorded: number }): void {
  try {
    appendFileSync(tally, `${JSON.stringify(numbers)}\n`)
  } catch (error) {
    // Traffic was as it was; only who counts it must know.
    process.stderr.write(`sallyport: the tally of flows cannot be written: ${messageOf(error)}\n`)
  }
}
