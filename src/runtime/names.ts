// The one interface by which anything in the data plane asks for a name's addresses.
import type { Resolution } from '../flow/index.ts'

export interface NameSource {
  /** What is known now and still fresh. Never asks anybody. */
  known(name: string): Resolution | undefined
  /** Asks, or joins a question that is under way. Never rejects; ends within the source's own time limit. */
  resolve(name: string): Promise<Resolution>
}
