// Door of the store room.
export { openLevelStore } from './level-store.ts'
export * from './object-store.ts'
export { byName } from './image.ts'
export * from './backup.ts'
export { restoreObjects } from './restore-objects.ts'
