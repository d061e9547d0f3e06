// Door of the xds room. Generated messages are imported from `xds/gen` directly.
export * from './create.ts'
export * from './metadata.ts'
export * from './snapshot.ts'
export * from './extensions.ts'
export * from './json.ts'
