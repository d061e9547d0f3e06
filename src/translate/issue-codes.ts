// Names every issue that only translation finds, so that a code always means the same and can be looked up.

export const translationCodes = {
  SLP1501: 'a server of a Gateway does nothing, because an older one of another protocol has its port',
} as const satisfies Record<string, string>

export type TranslationCode = keyof typeof translationCodes
