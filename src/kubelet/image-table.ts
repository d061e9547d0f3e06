// Says which program of this machine stands for an image: nothing is pulled, so a name that the table does not have cannot be run.
import { parse } from 'yaml'
import { fail, isFields, ok, type Result } from '../base/index.ts'

export interface Image {
  /** What it runs when the Pod says nothing. */
  readonly command: readonly string[]
  /** A program with many names, as busybox is: each name comes before the machine's own program of that name. */
  readonly applets?: string
  /** Programs that have to be there. */
  readonly needs: readonly string[]
}

export type ImageTable = ReadonlyMap<string, Image>

const shell: Image = { command: ['sh'], needs: ['sh'] }

/** By the name without registry, tag and digest; `library/` is left out too. docs/serve.md shows the same table. */
export const usualImages: ImageTable = new Map<string, Image>([
  ['busybox', { command: ['sh'], applets: 'busybox', needs: ['busybox'] }],
  ['curlimages/curl', { command: ['curl'], needs: ['curl'] }],
  ['alpine', shell],
  ['debian', { command: ['bash'], needs: ['bash'] }],
  ['ubuntu', { command: ['bash'], needs: ['bash'] }],
  ['bash', { command: ['bash'], needs: ['bash'] }],
  ['node', { command: ['node'], needs: ['node'] }],
  ['python', { command: ['python3'], needs: ['python3'] }],
  ['redis', { command: ['redis-server'], needs: ['redis-server'] }],
  ['nginx', { command: ['nginx', '-g', 'daemon off;'], needs: ['nginx'] }],
])

/** Further images as YAML or JSON: name → { command, applets, needs }. They come before the usual ones. */
export function parseImages(text: string, usual: ImageTable = usualImages): Result<ImageTable, string> {
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 0 })
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
  if (!isFields(value)) return fail('it is not a table of images by their names')
  const table = new Map(usual)
  for (const [name, entry] of Object.entries(value)) {
    const image = imageOf(entry)
    if (typeof image === 'string') return fail(`${name}: ${image}`)
    table.set(imageName(name), image)
  }
  return ok(table)
}

export function findImage(table: ImageTable, reference: string): Image | undefined {
  return table.get(imageName(reference))
}

/** `docker.io/library/busybox:1.36@sha256:…` is `busybox`. Another registry is another image, and keeps its name. */
export function imageName(reference: string): string {
  const untagged = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
  return untagged.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '')
}

function imageOf(entry: unknown): Image | string {
  if (!isFields(entry)) return 'it is not { command, applets, needs }'
  const { command = [], applets, needs, ...rest } = entry
  const [other] = Object.keys(rest)
  if (other !== undefined) return `unknown field ${JSON.stringify(other)}; there are command, applets and needs`
  if (!isTexts(command)) return 'command is not a list of texts'
  if (applets !== undefined && typeof applets !== 'string') return 'applets is not the name of a program'
  const usual = [applets ?? command[0]].filter((program) => program !== undefined)
  if (needs !== undefined && !isTexts(needs)) return 'needs is not a list of texts'
  return { command, needs: needs ?? usual, ...(applets === undefined ? {} : { applets }) }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
