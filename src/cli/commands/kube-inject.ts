// `sallyport kube-inject`: prints a manifest with the sidecar in its Pods.
import { readFileSync, writeFileSync } from 'node:fs'
import { messageOf, SallyportError } from '../../base/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { inject } from '../inject/inject.ts'
import { listOf, textOf, UsageError, type Values } from '../values.ts'

const usualHub = 'sallyport'
const imageName = 'proxyv2'

export function kubeInject(values: Values): number {
  const paths = listOf(values, 'filename')
  if (paths.length === 0) throw new UsageError('SLP0002', 'nothing to inject into', { fix: 'name manifests with -f; - is standard input' })
  const image = imageOf(values)
  const results = paths.map((path) => injectFile(path, image))
  for (const note of results.flatMap(({ notes }) => notes)) process.stderr.write(`${note}\n`)
  const text = results.map((result) => result.text).join(joinerOf(results.map((result) => result.text)))
  const output = textOf(values, 'output')
  if (output === undefined) process.stdout.write(text)
  else write(output, text)
  return exitCodes.ok
}

function imageOf(values: Values): string {
  const tag = textOf(values, 'tag') ?? process.env['SALLYPORT_VERSION'] ?? '0.1.0'
  return textOf(values, 'image') ?? `${textOf(values, 'hub') ?? usualHub}/${imageName}:${tag}`
}

function joinerOf(texts: readonly string[]): string {
  return texts.every((text) => text.endsWith('\n')) ? '---\n' : '\n---\n'
}

/** Read once: what a process substitution gives is gone then. */
function injectFile(path: string, image: string): ReturnType<typeof inject> {
  let text: string
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (cause) {
    throw new BadManifest('SLP0004', `${path} cannot be read: ${messageOf(cause)}`, { cause })
  }
  try {
    return inject(text, image)
  } catch (cause) {
    if (!(cause instanceof SallyportError)) throw cause
    throw new BadManifest(cause.code, `${path}: ${cause.message}`, { cause })
  }
}

class BadManifest extends UsageError {
  override readonly exitCode = exitCodes.badInput
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (cause) {
    throw new BadManifest('SLP0005', `${path} cannot be written: ${messageOf(cause)}`, { cause })
  }
}
