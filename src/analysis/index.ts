// Door of the analysis room.
export { analyze, analyzing } from './analyze.ts'
export { findingCodes } from './finding-codes.ts'
