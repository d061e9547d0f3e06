// Tells whoever writes an object of the API what follows from it in the whole: the findings that it is named in, and those that were not there before.
import { analyze } from '../analysis/index.ts'
import type { Issue } from '../api/index.ts'
import { createObjectSource, type DeclaredObjects, type Store } from '../config/index.ts'
import type { KubeObject } from '../kube/index.ts'
import { buildModel, type Model } from '../model/index.ts'
import type { StoredDeclarations } from './declared-objects.ts'

/** Beyond so many, looking at the whole would keep the writer waiting; serve tells of them when they are in force. */
const mostObjects = 1000

export class Consequences {
  readonly #objects: StoredDeclarations
  /** Of its own, so that looking does not put anything into force. */
  #source: Store | undefined
  #model: Model | undefined
  #known: ReadonlySet<string> = new Set()

  constructor(objects: StoredDeclarations) {
    this.#objects = objects
  }

  of(object: KubeObject): readonly string[] {
    if (this.#objects.count() > mostObjects) {
      this.#forget()
      return []
    }
    const issues = this.#issues()
    const before = this.#known
    this.#known = new Set(issues.map(textOf))
    const told = issues.filter((issue) => isAbout(issue, object) || !before.has(textOf(issue)))
    return Array.from(new Set(told.map(textOf)))
  }

  #issues(): readonly Issue[] {
    if (this.#source === undefined) {
      const only: DeclaredObjects = { all: () => this.#objects.all(), watch: () => () => undefined }
      this.#source = createObjectSource(only, { quietMs: 0, longestWaitMs: 0 })
    }
    this.#source.refresh()
    const { resources, settings } = this.#source.snapshot.value
    this.#model = buildModel(resources, settings, this.#model)
    return analyze(this.#model)
  }

  #forget(): void {
    this.#source?.close()
    this.#source = undefined
    this.#model = undefined
  }
}

function isAbout({ ref }: Issue, { kind, metadata }: KubeObject): boolean {
  return ref?.kind === kind && ref.name === metadata.name && ref.namespace === (metadata.namespace ?? '')
}

function textOf({ message, fix }: Issue): string {
  return fix === undefined ? message : `${message}; ${fix}`
}
