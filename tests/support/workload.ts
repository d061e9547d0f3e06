// Drives a probe client, wherever it runs, by one question and one answer a line.
import type { NodeProcess } from './node-process.ts'
import type { Probe, ProbeReport } from './probe.ts'

export interface Workload {
  play(probe: Probe): Promise<ProbeReport>
  /** Ends its input and waits for it. */
  end(): Promise<void>
  /** All that it and what runs it wrote to stderr. */
  stderr(): string
}

const readyMs = 20_000

/** To be called at once after the start; what `running` prints before `{"ready":true}` is passed over. */
export async function openWorkload(running: NodeProcess): Promise<Workload> {
  const nextLine = readLines(running)
  while ((await nextLine(readyMs)) !== '{"ready":true}');
  return {
    async play(probe) {
      running.stdin?.write(`${JSON.stringify(probe)}\n`)
      const seconds = (probe.timeout ?? 10) * (probe.count ?? 1) * 3 + 10
      return JSON.parse(await nextLine(seconds * 1000)) as ProbeReport
    },
    async end() {
      running.stdin?.end()
      await running.ended
      // A sidecar with an output says so when flows and records do not match.
      if (running.stderr().includes('flows were opened')) throw new Error(running.stderr())
    },
    stderr: () => running.stderr(),
  }
}

/** Gives one line of its output after the other, in order, each within a time limit. */
export function readLines(running: NodeProcess): (limitMs: number) => Promise<string> {
  const lines: string[] = []
  let rest = ''
  let wake = (): void => undefined
  running.output?.on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake()
  })
  void running.ended.then(() => wake())

  return async (limitMs) => {
    const deadline = performance.now() + limitMs
    // A long line comes in pieces.
    while (lines.length === 0 && !running.hasEnded && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, deadline - performance.now())
        wake = () => {
          clearTimeout(limit)
          resolve()
        }
      })
    }
    const line = lines.shift()
    if (line !== undefined) return line
    const why = running.hasEnded ? 'ended before it answered' : `did not answer within ${limitMs} ms`
    throw new Error(`${running.name} ${why}\n${running.stdout()}${running.stderr()}`)
  }
}
