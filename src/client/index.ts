// Door of the client room.
export * from './api-access.ts'
export { ApiClient, ApiRefusal } from './api-client.ts'
export { channels, execProtocol, frame } from './exec-channels.ts'
export { findAccess, type AccessOptions } from './find-access.ts'
export * from './join-server.ts'
