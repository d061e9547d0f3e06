// Joins the documents of all files into one configuration: each resource once, the last good version where the new one is not valid.
import {
  createResourceSet,
  patchResourceSet,
  type Governed,
  type Issue,
  type MeshConfig,
  type MeshSettings,
  type Resource,
  type ResourceSet,
} from '../api/index.ts'
import { changedStretch } from '../base/index.ts'
import type { KeptBytes } from './file-bytes.ts'
import type { LoadedDocument, LoadedEntry } from './loaded-document.ts'
import { type MeshPart, meshKey } from './parsed-document.ts'

/** A file as it was read last. */
export interface LoadedFile {
  readonly source: string
  readonly documents: readonly LoadedDocument[]
  /** About the file as a whole. */
  readonly issues: readonly Issue[]
  /** It cannot be told which resources stand in it now: those that it held go on. */
  readonly opaque: boolean
  /** Another one when documents have moved. */
  readonly places: object
  /** Of a file with many documents: the bytes that they were read from, of its last version. */
  readonly content?: KeptBytes
}

/** Of what has no lines. */
export const noPlaces: object = Object.freeze({})

/** An entry in use, and since when. */
export interface Accepted {
  readonly entry: LoadedEntry
  readonly source: string
  readonly at: number
}

export interface MeshOverrides {
  /** Wins over what files say; `flag` names it in records. */
  readonly outboundPolicy?: NonNullable<NonNullable<MeshConfig['outboundTrafficPolicy']>['mode']>
  readonly strictness?: 'strict' | 'istio'
}

export interface Assembly {
  readonly resources: ResourceSet
  readonly settings: MeshSettings
  readonly issues: readonly Issue[]
  readonly places: object
  /** Of the store alone, which hands it from one assembly to the next. */
  readonly accepted: Map<string, Accepted>
  readonly files: readonly LoadedFile[]
  readonly overrides: MeshOverrides
  /** Nothing is declared twice or goes on from before, so that each document matters by itself. */
  readonly isPlain: boolean
}

export interface AssemblyOptions {
  readonly overrides: MeshOverrides
  readonly now: number
  readonly previous?: Assembly
}

export function assemble(files: readonly LoadedFile[], options: AssemblyOptions): Assembly {
  return (options.previous && assembleChange(files, options.previous, options)) ?? assembleAll(files, options)
}

function assembleAll(files: readonly LoadedFile[], { overrides, now, previous }: AssemblyOptions): Assembly {
  const before = previous?.accepted ?? new Map<string, Accepted>()
  const joiner = new Joiner(before, now)
  for (const file of files) joiner.addFile(file)
  const isOpaque = files.some((file) => file.opaque)
  if (isOpaque) for (const file of files) if (file.opaque) joiner.keepOthersOf(file)
  const { accepted, issues, isPlain } = joiner
  const settings = meshSettings(accepted.get(meshKey), overrides)
  const resources = resourceSet(accepted, settings, previous?.resources)
  const places = placesOf(files, previous)
  return { resources, settings, issues: Object.freeze(issues), places, accepted, files, overrides, isPlain: isPlain && !isOpaque }
}

/** Looks at the documents that came and went and at nothing else; undefined when more depends on them than their own resources. */
function assembleChange(files: readonly LoadedFile[], previous: Assembly, { overrides, now }: AssemblyOptions): Assembly | undefined {
  if (!previous.isPlain || overrides !== previous.overrides) return undefined
  const { gone, added, hasIssues, isOpaque } = changedDocuments(previous.files, files)
  if (isOpaque) return undefined
  if (![...gone, ...added].every((document) => document.entries.every(isPlainEntry))) return undefined
  const { accepted } = previous
  const left = new Map(gone.flatMap(({ entries }) => entries.map((entry) => [entry.key, accepted.get(entry.key)] as const)))
  const come = new Map<string, Accepted>()
  for (const { entries, source } of added) {
    for (const entry of entries) {
      const before = left.get(entry.key)
      if (come.has(entry.key) || (before === undefined && accepted.has(entry.key))) return undefined
      come.set(entry.key, before?.entry === entry ? before : acceptedOf(entry, source, before, now))
    }
  }
  for (const key of left.keys()) accepted.delete(key)
  for (const [key, one] of come) accepted.set(key, one)
  const resourcesOf = (all: Iterable<Accepted | undefined>) => Array.from(all).flatMap((one) => one?.entry.loaded ?? [])
  const resources = patchResourceSet(previous.resources, resourcesOf(left.values()), resourcesOf(come.values()))
  const places = placesOf(files, previous)
  const issues = hasIssues || places !== previous.places ? issuesOf(files) : previous.issues
  return { ...previous, resources, issues, places, files }
}

/** It governs nothing but itself. */
function isPlainEntry({ good, mesh, governed, loaded }: LoadedEntry): boolean {
  return good && mesh === undefined && governed === undefined && loaded !== undefined
}

interface ChangedDocuments {
  readonly gone: readonly LoadedDocument[]
  readonly added: readonly LoadedDocument[]
  /** Something is said about one of them. */
  readonly hasIssues: boolean
  /** They stand in files of which it cannot be told what they hold. */
  readonly isOpaque: boolean
}

function changedDocuments(before: readonly LoadedFile[], now: readonly LoadedFile[]): ChangedDocuments {
  const { start, beforeEnd, nowEnd } = changedStretch(before, now)
  const ofOld = before.slice(start, beforeEnd)
  const ofNew = now.slice(start, nowEnd)
  const gone: LoadedDocument[] = []
  const added: LoadedDocument[] = []
  for (let i = 0; i < Math.max(ofOld.length, ofNew.length); i++) {
    const [old, fresh] = [ofOld[i]?.documents ?? noDocuments, ofNew[i]?.documents ?? noDocuments]
    const inside = changedStretch(old, fresh)
    for (const document of old.slice(inside.start, inside.beforeEnd)) gone.push(document)
    for (const document of fresh.slice(inside.start, inside.nowEnd)) added.push(document)
  }
  const isSaid = ({ issues }: LoadedFile): boolean => issues.length > 0
  const hasIssues = ofOld.some(isSaid) || ofNew.some(isSaid) || [...gone, ...added].some(({ parsed }) => parsed.findings.length > 0)
  return { gone, added, hasIssues, isOpaque: ofNew.some((file) => file.opaque) }
}

const noDocuments: readonly LoadedDocument[] = []

function issuesOf(files: readonly LoadedFile[]): readonly Issue[] {
  const issues: Issue[] = []
  for (const file of files) {
    if (file.issues.length > 0) issues.push(...file.issues)
    for (const document of file.documents) if (document.parsed.findings.length > 0) issues.push(...document.issues)
  }
  return Object.freeze(issues)
}

function placesOf(files: readonly LoadedFile[], previous: Assembly | undefined): object {
  if (previous?.files.length !== files.length) return {}
  const { start, nowEnd } = changedStretch(previous.files, files)
  for (let i = start; i < nowEnd; i++) if (files[i]?.places !== previous.files[i]?.places) return {}
  return previous.places
}

class Joiner {
  readonly accepted = new Map<string, Accepted>()
  readonly issues: Issue[] = []
  isPlain = true
  readonly #claimed = new Map<string, LoadedEntry>()
  readonly #before: ReadonlyMap<string, Accepted>
  readonly #now: number

  constructor(before: ReadonlyMap<string, Accepted>, now: number) {
    this.#before = before
    this.#now = now
  }

  addFile(file: LoadedFile): void {
    this.issues.push(...file.issues)
    for (const document of file.documents) {
      this.issues.push(...document.issues)
      for (const entry of document.entries) this.#add(entry, file.source)
    }
  }

  #add(entry: LoadedEntry, source: string): void {
    const first = this.#claimed.get(entry.key)
    if (first) {
      this.isPlain = false
      this.issues.push(duplicate(entry, first))
      return
    }
    this.#claimed.set(entry.key, entry)
    const before = this.#before.get(entry.key)
    if (entry.good) {
      this.#use(entry.key, before?.entry === entry ? before : acceptedOf(entry, source, before, this.#now))
    } else if (before) {
      this.isPlain = false
      this.issues.push(goesOn(entry, before))
      this.#use(entry.key, before)
    }
  }

  #use(key: string, accepted: Accepted): void {
    this.accepted.set(key, accepted)
    const { entry } = accepted
    // The ConfigMap `istio` is a resource, and gives the settings of the mesh as well.
    if (!entry.mesh || key === meshKey) return
    const other = this.#claimed.get(meshKey)
    if (other && other !== entry) {
      this.isPlain = false
      this.issues.push(duplicate(entry, other))
      return
    }
    this.#claimed.set(meshKey, entry)
    this.accepted.set(meshKey, accepted)
  }

  /** What a file held and does not show any more, while it cannot be told what it does show. */
  keepOthersOf(file: LoadedFile): void {
    let kept = 0
    let latest = 0
    for (const [key, accepted] of this.#before) {
      if (accepted.source !== file.source || this.#claimed.has(key)) continue
      this.#claimed.set(key, accepted.entry)
      this.accepted.set(key, accepted)
      if (key !== meshKey || !accepted.entry.loaded) kept++
      latest = Math.max(latest, accepted.at)
    }
    if (kept === 0) return
    const what = kept === 1 ? 'one resource that it held goes on' : `${kept} resources that it held go on`
    const message = `not all of ${file.source} can be read: ${what}, in the version of ${timeOf(latest)}`
    this.issues.push({ level: 'warning', code: 'SLP1008', path: '', message, source: file.source })
  }
}

function acceptedOf(entry: LoadedEntry, source: string, before: Accepted | undefined, now: number): Accepted {
  return { entry, source, at: before !== undefined && saysTheSame(before.entry, entry) ? before.at : now }
}

/** Documents are parsed once for their text: what they say is then one object. */
function saysTheSame(a: LoadedEntry, b: LoadedEntry): boolean {
  return a.resource === b.resource && a.mesh === b.mesh && a.governed === b.governed
}

function goesOn(entry: LoadedEntry, before: Accepted): Issue {
  const message = `the new version is not valid: the version of ${timeOf(before.at)} goes on`
  const { source, line } = entry.origin
  return { level: 'warning', code: 'SLP1008', path: '', message, ref: entry.ref, source, place: { line, column: 1 } }
}

function duplicate(entry: LoadedEntry, first: LoadedEntry): Issue {
  const { source } = entry.origin
  const mesh = entry.mesh !== undefined && first.mesh !== undefined && !(entry.loaded && first.loaded)
  const path = mesh ? '' : 'metadata.name'
  const where = `${first.origin.source}:${first.origin.placeOf(path).line}`
  const message = mesh
    ? `the settings of the mesh are given twice: those of ${where} hold`
    : `the same ${entry.ref.kind} is declared at ${where} already: that one holds`
  const code = mesh ? 'SLP1114' : 'SLP1113'
  const place = entry.origin.placeOf(path)
  return { level: 'error', code, path, message, fix: 'remove one of the two', ref: entry.ref, source, place }
}

/** Of the clock on the wall, for a person who saved a file a moment ago. */
function timeOf(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

const noSettings: MeshPart = { mesh: {}, sallyport: {}, unsupported: [] }

function meshSettings(accepted: Accepted | undefined, overrides: MeshOverrides): MeshSettings {
  const part = accepted?.entry.mesh ?? noSettings
  const { outboundPolicy, strictness } = overrides
  const mesh = outboundPolicy === undefined ? part.mesh : { ...part.mesh, outboundTrafficPolicy: { mode: outboundPolicy } }
  const sallyport = strictness === undefined ? part.sallyport : { ...part.sallyport, strictness }
  const policyRef = policyRefOf(accepted?.entry, part, outboundPolicy !== undefined)
  return Object.freeze({
    mesh,
    sallyport,
    ...(policyRef === undefined ? {} : { policyRef }),
    ...(accepted === undefined ? {} : { origin: accepted.entry.origin }),
    unsupported: part.unsupported,
  })
}

function policyRefOf(entry: LoadedEntry | undefined, part: MeshPart, overridden: boolean): MeshSettings['policyRef'] {
  if (overridden) return { kind: 'Flag', namespace: '', name: 'outbound-policy', field: '' }
  if (!entry || part.policyField === undefined) return undefined
  return { ...entry.ref, field: part.policyField }
}

function resourceSet(accepted: ReadonlyMap<string, Accepted>, settings: MeshSettings, previous: ResourceSet | undefined): ResourceSet {
  const resources: Resource[] = []
  const governed: Governed[] = []
  const root = settings.mesh.rootNamespace ?? 'istio-system'
  for (const [key, { entry }] of accepted) {
    if (key === meshKey && entry.loaded) continue
    if (entry.loaded) resources.push(entry.loaded)
    if (entry.governed) governed.push(...governedBy(entry, root))
  }
  governed.push(...governedBySettings(accepted.get(meshKey), settings))
  const version = (previous?.version ?? 0) + 1
  return createResourceSet(resources, { version, governed, ...(previous ? { previous } : {}) })
}

function governedBy(entry: LoadedEntry, root: string): Governed[] {
  return (entry.governed ?? []).map(({ kind, reach, labels, namespace }) => {
    const where = namespace ?? entry.ref.namespace
    const whole = reach === 'mesh' || where === root ? 'mesh' : 'namespace'
    return Object.freeze({
      kind,
      namespace: where,
      name: entry.ref.name,
      origin: entry.origin,
      scope: labels === undefined ? whole : ('selector' as const),
      ...(labels === undefined ? {} : { labels }),
    })
  })
}

/** A setting that narrows the whole mesh and is not carried out. */
function governedBySettings(accepted: Accepted | undefined, settings: MeshSettings): Governed[] {
  if (!accepted || (settings.unsupported ?? []).length === 0) return []
  const { namespace, name } = accepted.entry.ref
  return [Object.freeze({ kind: 'MeshConfig', namespace, name, origin: accepted.entry.origin, scope: 'mesh' as const })]
}
