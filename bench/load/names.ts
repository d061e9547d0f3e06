// Asks the workload's resolver for one name over and over, and tells each new answer with the moment in which it came.
import { Resolver } from 'node:dns/promises'

/** One line per new answer: the address, and the monotonic clock of the machine in nanoseconds. Ends with its standard input. */
export async function watchName(name: string, everyMs: number): Promise<void> {
  let isWanted = true
  process.stdin.resume().once('end', () => {
    isWanted = false
  })
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  let known: string | undefined
  while (isWanted) {
    const address = await resolver.resolve4(name).then(
      ([first]) => first,
      () => known,
    )
    if (address !== known) process.stdout.write(`${address} ${process.hrtime.bigint()}\n`)
    known = address
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  process.exit()
}
