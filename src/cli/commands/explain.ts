// `sallyport explain`: prints what would become of one connection or request, and why.
import { colors } from '../colors.ts'
import type { PlacedRef } from '../../flow/index.ts'
import { exitCodes } from '../exit-codes.ts'
import { assumedAddress } from '../explain/judge.ts'
import { type Explanation, explainQuestion, type Hop, type HopTls } from '../explain/explanation.ts'
import { readQuestion } from '../explain/question.ts'
import { readDeclarations, writeIssues } from '../declarations.ts'
import { policyOf, textOf, type Values } from '../values.ts'

export async function explain(url: string, values: Values): Promise<number> {
  const question = readQuestion(url, values)
  const config = await readDeclarations(policyOf(values))
  const errors = config.issues.filter((issue) => issue.level === 'error')
  if (errors.length > 0) {
    writeIssues(errors, process.stderr)
    process.stderr.write('sallyport: nothing is explained by declarations that have errors: `run` does not start with them\n')
    return exitCodes.badInput
  }
  const explanation = explainQuestion(config, question)
  process.stdout.write(textOf(values, 'output') === 'json' ? `${JSON.stringify(explanation, undefined, 2)}\n` : render(url, explanation))
  return explanation.verdict === 'allow' ? exitCodes.ok : exitCodes.negative
}

function render(url: string, explanation: Explanation): string {
  const { verdict, path, reason, hops } = explanation
  const word = verdict === 'allow' ? colors.green(`ALLOW (${path})`) : colors.red('DENY')
  const lines = [`${word}  ${url}`, `  ${reason.code}: ${reason.text}`]
  if (reason.by !== undefined) lines.push(`  by ${textOfRef(reason.by)}`)
  for (const hop of hops) lines.push(...renderHop(hop))
  return `${lines.join('\n')}\n`
}

function renderHop(hop: Hop): string[] {
  const mark = hop.verdict === 'allow' ? colors.green('√') : colors.red('×')
  const where = hop.targets.map((target) => target.replace(assumedAddress, '(what the name resolves to)')).join(', ')
  const lines = [
    `  ${mark} ${hop.role} ${hop.name}: ${hop.cluster !== undefined && hop.verdict === 'allow' ? `${hop.cluster} → ${where}` : `${hop.reason.code}${hop.status === undefined ? '' : `, HTTP ${hop.status}`}`}`,
    ...(hop.changes ?? []).map((change) => `      ${change}`),
  ]
  if (hop.tls) lines.push(`      ${textOfTls(hop.tls)}`)
  if (hop.reason.by !== undefined) lines.push(`      ${textOfRef(hop.reason.by)}`)
  if (hop.verdict === 'deny') lines.push(`      ${hop.reason.text}`)
  return lines
}

function textOfTls({ serverName, names, trusts }: HopTls): string {
  const asks = serverName === undefined ? 'begins TLS without a server name' : `begins TLS for ${serverName}`
  if (trusts === undefined) return `${asks}; the certificate is not checked`
  return `${asks}; the certificate must be for ${names.join(' or ')}, by ${trusts === 'system' ? 'an authority of the system' : trusts}`
}

function textOfRef(ref: PlacedRef): string {
  const field = ref.field === undefined ? '' : ` ${ref.field}`
  const place = ref.file === undefined ? '' : ` (${ref.file}${ref.line === undefined ? '' : `:${ref.line}`})`
  return `${ref.kind} ${ref.namespace}/${ref.name}${field}${place}`
}
