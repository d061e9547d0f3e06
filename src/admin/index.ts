// Door of the admin room.
export type { Readiness } from './page.ts'
export { type Admin, type AdminOptions, startAdmin } from './server.ts'
