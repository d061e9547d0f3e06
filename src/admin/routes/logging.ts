// Shows the level of each scope of the application log, and changes levels for whoever posts.
import { configureLog, type LogLevel, logLevels, logLevelsByScope } from '../../telemetry/index.ts'
import type { Page, PageBody } from '../page.ts'

/** Envoy's names for levels that have another name here. */
const envoyLevels: Readonly<Record<string, LogLevel>> = { trace: 'debug', warning: 'warn', critical: 'error' }

export function loggingPage(): Page {
  return {
    path: '/logging',
    title: 'levels of the log by scope; POST ?level=debug, ?SCOPE=debug or ?paths=SCOPE:debug,… changes them',
    render: () => ({ body: listLevels() }),
    change: ({ query }) =>
      changeLevels([...query].flatMap(([name, value]) => (name === 'paths' ? pairsOf(value) : [[name, value] as const]))),
  }
}

function listLevels(): string {
  return `active loggers:\n${Array.from(logLevelsByScope(), ([scope, level]) => `  ${scope}: ${level}\n`).join('')}`
}

function pairsOf(text: string): (readonly [string, string])[] {
  return text.split(',').map((pair) => {
    const [scope = '', level = ''] = pair.split(':')
    return [scope, level] as const
  })
}

/** All or nothing: a name that does not exist changes no level. */
function changeLevels(changes: readonly (readonly [name: string, level: string])[]): PageBody {
  const scopes: Record<string, LogLevel> = {}
  let common: LogLevel | undefined
  const known = logLevelsByScope()
  for (const [name, text] of changes) {
    const level = readLevel(text)
    if (level === undefined) return refuse(`"${text}" is not a level; there are ${logLevels.join(', ')}`)
    if (name === 'level') common = level
    else if (known.has(name)) scopes[name] = level
    else return refuse(`"${name}" is not a scope; there are ${[...known.keys()].join(', ')}`)
  }
  if (changes.length === 0) return refuse('nothing to change: POST /logging?level=debug, or /logging?SCOPE=debug')
  // Envoy's ?level= is for all scopes, those with a level of their own included.
  const before = configureLog({})
  configureLog({
    ...(common === undefined ? {} : { level: common }),
    scopes: { ...(common === undefined ? before.scopes : {}), ...scopes },
  })
  return { body: listLevels() }
}

function readLevel(text: string): LogLevel | undefined {
  return logLevels.find((level) => level === text) ?? (Object.hasOwn(envoyLevels, text) ? envoyLevels[text] : undefined)
}

function refuse(why: string): PageBody {
  return { status: 400, body: `${why}\n` }
}
