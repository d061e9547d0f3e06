// `sallyport xds`: shows what a node is sent, how that would differ, and what comes as it comes.
import type { JsonValue } from '@bufbuild/protobuf'
import { type ConfigSnapshot, createStore } from '../../config/index.ts'
import { buildModel, type Model } from '../../model/index.ts'
import { translate } from '../../translate/index.ts'
import { type Listed, listedToJson, listedTypes, listSnapshot, observe, typeShortNames, typeUrls } from '../../xds/index.ts'
import { printable, writeColumns, writeStructured } from '../configuration/output.ts'
import { differencesOf, type FieldDifference, type ResourceDifference } from '../configuration/resource-difference.ts'
import { fromFiles, fromServer, listedFor, reaching } from '../configuration/sources.ts'
import { type WantedNode, wantedNode } from '../configuration/wanted-node.ts'
import { exitCodes } from '../exit-codes.ts'
import { listOf, policyOf, textOf, UsageError, type Values, xdsAddressOf } from '../values.ts'

export async function xdsDump(values: Values): Promise<number> {
  const listed = await listedFor(values, wantedNode(values))
  const types = textOf(values, 'type')?.toUpperCase().split(',')
  const shown = listed.filter(({ typeUrl }) => types?.includes(typeShortNames[typeUrl]) ?? true)
  const output = textOf(values, 'output')
  if (output === 'names')
    writeColumns(
      ['TYPE', 'NAME', 'VERSION'],
      shown.map(({ typeUrl, name, version }) => [typeShortNames[typeUrl], name, version]),
    )
  else writeStructured(dumpOf(shown), output)
  return exitCodes.ok
}

/** From what is served to what the files say, or from `--against` to `-f`. */
export async function xdsDiff(values: Values): Promise<number> {
  const wanted = wantedNode(values)
  const server = xdsAddressOf(values)
  const against = listOf(values, 'against')
  if (policyOf(values).files.length === 0 || (server === undefined) === (against.length === 0))
    throw new UsageError('SLP0002', 'a difference is between -f and either --xds or --against', {
      fix: 'write -f new/ --against old/, or -f new/ --xds ADDR',
    })
  const before = server === undefined ? fromFiles({ ...values, filename: against }, wanted) : fromServer({ address: server }, wanted)
  const differences = differencesOf(await before, await fromFiles(values, wanted))
  if (textOf(values, 'output') === 'text') process.stdout.write(differences.map(describeDifference).join(''))
  else writeStructured(differences.map(differenceToJson), textOf(values, 'output'))
  return differences.length === 0 ? exitCodes.ok : exitCodes.negative
}

/** Goes on until a signal. */
export async function xdsWatch(values: Values): Promise<number> {
  const wanted = wantedNode(values)
  const server = xdsAddressOf(values)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const tell = teller(textOf(values, 'output') === 'jsonl')
  if (server === undefined) await watchFiles(values, wanted, { tell, signal: stop.signal })
  else
    await reaching(
      observe({
        address: server,
        node: wanted.node,
        onObserved: ({ typeUrl, sent, removed }) => tell(typeShortNames[typeUrl], sent, removed),
        onComplete: () => undefined,
        signal: stop.signal,
      }),
    )
  return exitCodes.ok
}

function dumpOf(listed: readonly Listed[]): JsonValue {
  return listedTypes
    .map((typeUrl) => ({
      type_url: typeUrl,
      resources: listed
        .filter((one) => one.typeUrl === typeUrl)
        .map((one) => ({ name: one.name, version: one.version, resource: listedToJson(one) })),
    }))
    .filter(({ resources }) => resources.length > 0)
}

function differenceToJson({ type, name, change, fields }: ResourceDifference): JsonValue {
  return { type, name, change, fields: fields.map((field) => ({ ...field })) }
}

const signs: Record<ResourceDifference['change'], string> = { added: '+', removed: '-', changed: '~' }
const mostFields = 20

function describeDifference({ type, name, change, fields }: ResourceDifference): string {
  const shown = fields.slice(0, mostFields).map(describeField)
  const rest = fields.length > mostFields ? [`    and ${fields.length - mostFields} more fields\n`] : []
  return [`${signs[change]} ${type} ${printable(name)}\n`, ...shown, ...rest].join('')
}

function describeField({ path, before, now }: FieldDifference): string {
  return `    ${path}: ${before === undefined ? 'absent' : JSON.stringify(before)} → ${now === undefined ? 'absent' : JSON.stringify(now)}\n`
}

type Tell = (type: string, sent: readonly Pick<Listed, 'typeUrl' | 'name' | 'version'>[], removed: readonly string[]) => void

/** A line for each time that something of a type is sent, with what is new, what has changed and what is gone. */
function teller(isJson: boolean): Tell {
  const known = new Map<string, string>()
  return (type, sent, removed) => {
    const added = sent.filter(({ name }) => !known.has(`${type} ${name}`)).map(({ name }) => name)
    const changed = sent.filter(({ name }) => known.has(`${type} ${name}`)).map(({ name }) => name)
    for (const { name, version } of sent) known.set(`${type} ${name}`, version)
    const gone = removed.filter((name) => known.delete(`${type} ${name}`))
    const time = new Date().toISOString()
    if (isJson) process.stdout.write(`${JSON.stringify({ time, type, added, changed, removed: gone })}\n`)
    else process.stdout.write(`${time} ${type}${names('+', added)}${names('~', changed)}${names('-', gone)}\n`)
  }
}

const mostNames = 8

function names(sign: string, list: readonly string[]): string {
  const shown = list.slice(0, mostNames).map((name) => ` ${sign}${printable(name)}`)
  return `${shown.join('')}${list.length > mostNames ? ` ${sign}${list.length - mostNames} more` : ''}`
}

interface Watching {
  readonly tell: Tell
  readonly signal: AbortSignal
}

async function watchFiles(values: Values, { proxy }: WantedNode, { tell, signal }: Watching): Promise<void> {
  const { files, outbound, strictness } = policyOf(values)
  if (files.length === 0) throw new UsageError('SLP0002', 'nothing to watch', { fix: 'name files with -f, or a server with --xds' })
  const store = createStore(files, { ...(outbound && { outboundPolicy: outbound }), ...(strictness && { strictness }) })
  let model: Model | undefined
  let before = new Map<string, Listed>()
  const take = ({ resources, settings }: ConfigSnapshot): void => {
    model = buildModel(resources, settings, model)
    const now = new Map(listSnapshot(translate(model, proxy).snapshot).map((one) => [`${one.typeUrl} ${one.name}`, one]))
    tellDifference(before, now, tell)
    before = now
  }
  const unwatch = store.snapshot.watch(take)
  const alive = setInterval(() => undefined, 2 ** 30)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(alive)
  unwatch()
  store.close()
}

function tellDifference(before: ReadonlyMap<string, Listed>, now: ReadonlyMap<string, Listed>, tell: Tell): void {
  for (const typeUrl of listedTypes) {
    const isMoved = (one: Listed): boolean => one.typeUrl === typeUrls.extension && one.name.startsWith('origin/')
    const sent = Array.from(now).filter(
      ([key, one]) => one.typeUrl === typeUrl && !isMoved(one) && before.get(key)?.version !== one.version,
    )
    const gone = Array.from(before).filter(([key, one]) => one.typeUrl === typeUrl && !now.has(key))
    if (sent.length + gone.length > 0)
      tell(
        typeShortNames[typeUrl],
        sent.map(([, one]) => one),
        gone.map(([, { name }]) => name),
      )
  }
}
