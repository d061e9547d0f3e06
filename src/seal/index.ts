// Door of the seal room.
export * from './contract.ts'
export * from './doctor.ts'
export { type InitOptions, runInit } from './init.ts'
export { unseenTrees } from './masks.ts'
export * from './open.ts'
export * from './publish.ts'
export * from './root-directory.ts'
export { describeReport } from './self-test.ts'
