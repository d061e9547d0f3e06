// Door of the client room.
export * from './api-access.ts'
export { findAccess, type AccessOptions } from './find-access.ts'
