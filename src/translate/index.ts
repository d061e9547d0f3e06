// Door of the translate room.
export type { Proxy, TranslateOptions } from './context.ts'
export { translationCodes } from './issue-codes.ts'
export { type Translation, translate, translating } from './snapshot.ts'
