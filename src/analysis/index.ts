// Door of the analysis room.
export { analyze } from './analyze.ts'
export { findingCodes } from './finding-codes.ts'
