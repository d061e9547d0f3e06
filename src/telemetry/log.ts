// Writes what the program has to say about itself to stderr: words for people, or JSON lines for machines.
import { messageOf } from '../base/index.ts'

export const logLevels = ['debug', 'info', 'warn', 'error', 'off'] as const
export type LogLevel = (typeof logLevels)[number]
/** A level at which something can be said. */
export type LogVoice = Exclude<LogLevel, 'off'>

/** A function is called only when its level is shown. */
export type LogMessage = string | (() => string)
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: LogMessage, fields?: LogFields): void
  info(message: LogMessage, fields?: LogFields): void
  warn(message: LogMessage, fields?: LogFields): void
  error(message: LogMessage, fields?: LogFields): void
}

export interface LogSettings {
  readonly level: LogLevel
  /** Levels of single scopes, which count before the common one. */
  readonly scopes: Readonly<Record<string, LogLevel>>
  readonly json: boolean
  /** Takes one line with its line end. */
  readonly write: (line: string) => void
}

let settings: LogSettings = { level: 'info', scopes: {}, json: false, write: writeToStderr }
const known = new Set<string>()

/** Changes what is shown and how, for all loggers at once; returns the settings before. */
export function configureLog(change: Partial<LogSettings>): LogSettings {
  const before = settings
  settings = { ...settings, ...change }
  return before
}

/** The level of every scope that has a logger, in the order of their names. */
export function logLevelsByScope(): ReadonlyMap<string, LogLevel> {
  return new Map([...known].sort().map((scope) => [scope, levelOf(scope)]))
}

export function logger(scope: string): Logger {
  known.add(scope)
  const say =
    (level: LogVoice) =>
    (message: LogMessage, fields: LogFields = {}): void => {
      if (logLevels.indexOf(level) < logLevels.indexOf(levelOf(scope))) return
      const text = typeof message === 'function' ? message() : message
      settings.write(settings.json ? formatJson({ level, scope, text, fields }) : formatText({ level, scope, text, fields }))
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

function levelOf(scope: string): LogLevel {
  return Object.hasOwn(settings.scopes, scope) ? (settings.scopes[scope] ?? settings.level) : settings.level
}

interface Entry {
  readonly level: LogVoice
  readonly scope: string
  readonly text: string
  readonly fields: LogFields
}

const prefixes: Record<LogVoice, string> = { debug: 'debug: ', info: '', warn: 'warning: ', error: 'error: ' }

function formatText({ level, scope, text, fields }: Entry): string {
  const pairs = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? quoteIfNeeded(value) : quoteJson(value)}`,
  )
  const where = level === 'debug' ? `${scope}: ` : ''
  return `sallyport: ${prefixes[level]}${where}${escapeControls(text).replaceAll('\n', '\n  ')}${escapeControls(pairs.join(''))}\n`
}

/** A field never takes the place of a key that every line has. */
function formatJson({ level, scope, text, fields }: Entry): string {
  const plain = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? messageOf(value) : value]))
  return `${quoteJson({ ...plain, time: new Date().toISOString(), level, scope, message: text })}\n`
}

function quoteIfNeeded(value: string): string {
  return /^[\w.:/@*+-]+$/.test(value) ? value : JSON.stringify(value)
}

/** Never throws: a circle or a BigInt in a field must not break what is being logged. */
function quoteJson(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(messageOf(value))
  try {
    return JSON.stringify(value) ?? 'undefined'
  } catch (error) {
    return JSON.stringify(`not printable: ${messageOf(error)}`)
  }
}

/** Names and messages come from strangers; an escape sequence in them must not reach a terminal. Line ends and tabs may. */
function escapeControls(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

let isGuarded = false

function writeToStderr(line: string): void {
  if (!isGuarded) {
    isGuarded = true
    // Whoever read stderr has left: there is nobody to tell, and traffic must not end for it.
    process.stderr.on('error', () => undefined)
  }
  process.stderr.write(line)
}
