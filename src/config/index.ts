// Door of the config room.
export { countIssues, formatIssue, issuesToJson } from './issue-text.ts'
export { type ConfigSnapshot, type ReadOptions, readSources, readText } from './read-sources.ts'
export { createStore, type Store, type StoreOptions } from './store.ts'
export type { DeclaredObject } from './declared-object.ts'
export { createObjectSource, openObjectSource, type DeclaredObjects } from './object-source.ts'
