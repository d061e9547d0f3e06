// Door of the intercept room.
export * from './addresses.ts'
export * from './apply.ts'
export * from './ruleset.ts'
export * from './state.ts'
