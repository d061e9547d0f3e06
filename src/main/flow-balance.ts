// Holds the promise that every flow ends in exactly one record: counts both ends, and tells the difference.
import { flowClosed, flowOpened } from '../telemetry/index.ts'

export interface FlowBalance {
  /** One sentence when flows were opened that no record tells of, or the other way round. */
  fault(): string | undefined
  close(): void
}

export function watchFlowBalance(): FlowBalance {
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
    },
  }
}
