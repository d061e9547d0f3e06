// Reads sources once, for commands that look at a configuration and go.
import type { Issue, MeshSettings, ResourceSet } from '../api/index.ts'
import { finish } from '../base/index.ts'
import { assemble, type LoadedFile, type MeshOverrides, noPlaces } from './assembly.ts'
import { type DeclaredObject, loadObject } from './declared-object.ts'
import { FileLoader } from './file-loader.ts'
import { findFiles } from './file-tree.ts'
import { isFirst } from './source-reader.ts'

export interface ConfigSnapshot {
  readonly resources: ResourceSet
  readonly settings: MeshSettings
  readonly issues: readonly Issue[]
  /** Another one when documents have moved, though they say the same. */
  readonly places: object
}

export interface ReadOptions extends MeshOverrides {
  /** For resources that name none; `default` if absent. */
  readonly defaultNamespace?: string
  /** Objects of an API, but for those that stand in the files, too. */
  readonly beside?: readonly DeclaredObject[]
}

/** Paths of files and directories, and `-` for standard input. */
export function readSources(paths: readonly string[], options: ReadOptions = {}): ConfigSnapshot {
  const loader = new FileLoader({ defaultNamespace: options.defaultNamespace ?? 'default' })
  const files: LoadedFile[] = []
  const seen = new Set<string>()
  for (const path of paths) {
    const found = finish(findFiles(path))
    if (found.issues.length > 0) files.push({ source: path, documents: [], issues: found.issues, opaque: true, places: noPlaces })
    for (const file of found.files) {
      if (isFirst(file.path, seen)) files.push(finish(loader.load(file)))
    }
  }
  return snapshotOf(assemble([...files, ...othersThan(files, options)], { overrides: options, now: 0 }))
}

/** As `readSources`, of a text that is at hand. */
export function readText(text: string, source: string, options: ReadOptions = {}): ConfigSnapshot {
  const loader = new FileLoader({ defaultNamespace: options.defaultNamespace ?? 'default' })
  return snapshotOf(assemble([finish(loader.loadBytes(source, Buffer.from(text)))], { overrides: options, now: 0 }))
}

function othersThan(files: readonly LoadedFile[], { beside = [], defaultNamespace }: ReadOptions): readonly LoadedFile[] {
  const keysOf = ({ documents }: LoadedFile): readonly string[] => documents.flatMap(({ entries }) => entries.map(({ key }) => key))
  const known = new Set(files.flatMap(keysOf))
  return beside.map((object) => loadObject(object, defaultNamespace)).filter((file) => !keysOf(file).some((key) => known.has(key)))
}

export function snapshotOf({ resources, settings, issues, places }: ConfigSnapshot): ConfigSnapshot {
  return Object.freeze({ resources, settings, issues, places })
}
