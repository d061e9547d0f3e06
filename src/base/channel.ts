// Lets rooms say what happened without knowing who listens: typed publish/subscribe over node's diagnostics channels.
import { type Channel as NodeChannel, channel as nodeChannel } from 'node:diagnostics_channel'
import { warnOfListener } from './watchable.ts'

export class Channel<T> {
  readonly name: string
  readonly #channel: NodeChannel

  constructor(name: string) {
    this.name = name
    this.#channel = nodeChannel(name)
  }

  /** Guard with this where building the message costs something. */
  get hasSubscribers(): boolean {
    return this.#channel.hasSubscribers
  }

  publish(message: T): void {
    this.#channel.publish(message)
  }

  /** A subscriber's exception becomes a warning; node would end the process for it. */
  subscribe(subscriber: (message: T) => void): () => void {
    const guarded = (message: unknown): void => {
      try {
        subscriber(message as T)
      } catch (error) {
        warnOfListener(error)
      }
    }
    this.#channel.subscribe(guarded)
    return () => {
      this.#channel.unsubscribe(guarded)
    }
  }
}

/** The channel of this name; two calls with one name speak to each other. */
export function channel<T>(name: string): Channel<T> {
  return new Channel<T>(name)
}
