// Says what is next for a type of a state-of-the-world stream: all listeners, all clusters, and of other types what changed.
import { type EncodedResource, SetVersion } from './encoded-resource.ts'
import type { TypeView } from './resource-view.ts'
import type { SubscriptionChange } from './subscription.ts'
import { type Next, type Turn, TypeStream } from './type-stream.ts'

export class StateTypeStream extends TypeStream {
  /** An answer is due even if it is the one that was sent last. */
  #isAsked = false
  /** The version that the client said it had from an earlier stream. */
  #known = ''
  readonly #owed = new Set<string>()

  get hasAdditions(): boolean {
    return this.#isAsked || this.#owed.size > 0
  }

  ask(change: SubscriptionChange, version: string): void {
    for (const name of this.gone.keys()) if (!this.subscription.wants(name)) this.gone.delete(name)
    for (const name of this.#owed) if (!this.subscription.wants(name)) this.#owed.delete(name)
    if (change.isFirst) this.#known = version
    if (change.isFirst || change.all) this.#isAsked = true
    if (change.names.length === 0) return
    if (this.isWhole) this.#isAsked = true
    else if (!change.isFirst) for (const name of change.names) this.#owed.add(name)
  }

  additions(view: TypeView, turn: Turn): Next {
    // Everything is put into one response, so it is encoded in turns beforehand.
    if (this.#isAsked && !view.encode(() => turn.isOver())) return 'again'
    const resources = this.isWhole || this.#isAsked ? this.#all(view) : this.#changed(view)
    const version = this.#version(view)
    const isKnown = this.#known !== '' && this.#known === version
    const isNews = this.#isAsked ? !isKnown && (this.isWhole || resources.length > 0) : this.#isNews(resources, version)
    if (this.#isAsked && isKnown) this.acceptedVersion = version
    const changed = Array.from(this.#owed)
    this.#isAsked = false
    this.#known = ''
    this.#owed.clear()
    return isNews ? { resources, removed: [], version, changed } : 'nothing'
  }

  /** Of other types a client drops by itself what nothing refers to any more. */
  removals(view: TypeView): Next {
    this.gone.clear()
    if (!this.isWhole) return 'nothing'
    const version = this.#version(view)
    return version === this.lastSent?.version ? 'nothing' : { resources: this.#all(view), removed: [], version }
  }

  /** A client that was sent a cluster again waits for its endpoints again, although they are the same. */
  oweAgain(name: string): void {
    if (this.subscription.wants(name)) this.#owed.add(name)
  }

  protected owe(name: string): void {
    this.#owed.add(name)
  }

  protected oweNoMore(name: string): void {
    this.#owed.delete(name)
  }

  #isNews(resources: readonly EncodedResource[], version: string): boolean {
    return this.isWhole ? version !== this.lastSent?.version : resources.length > 0
  }

  /** With what is gone: it is dropped only when nothing that was sent refers to it any more. */
  #all(view: TypeView): readonly EncodedResource[] {
    const names = this.subscription.isWildcard ? view.resources.names() : this.subscription.names
    const resources: EncodedResource[] = []
    for (const name of names) push(resources, view.get(name))
    for (const resource of this.gone.values()) push(resources, resource)
    return resources
  }

  #changed(view: TypeView): readonly EncodedResource[] {
    const resources: EncodedResource[] = []
    for (const name of this.#owed) push(resources, view.get(name))
    return resources
  }

  #version(view: TypeView): string {
    if (this.subscription.isWildcard && this.gone.size === 0 && view.version !== '') return view.version
    const version = new SetVersion()
    for (const resource of this.#all(view)) version.add(resource)
    return version.toString()
  }
}

function push(resources: EncodedResource[], resource: EncodedResource | undefined): void {
  if (resource !== undefined) resources.push(resource)
}
