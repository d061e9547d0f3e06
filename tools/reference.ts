// Makes the pages of docs/reference from the tables in the sources, so that they cannot say anything else than the program does.
import { describePages } from '../src/admin/index.ts'
import { findingCodes } from '../src/analysis/index.ts'
import { fieldTable, issueCodes, kindNames, type SchemaName } from '../src/api/index.ts'
import { errorCodes } from '../src/base/index.ts'
import { describeCommands, exitCodeTexts } from '../src/cli/index.ts'
import { engineDifferences } from '../src/envoy/index.ts'
import { flowRecordFields, reasonCodes, responseFlags } from '../src/flow/index.ts'
import { events } from '../src/telemetry/index.ts'
import { translationCodes } from '../src/translate/index.ts'
import { istioTextFormat } from '../src/telemetry/access-log.ts'
import { accessOperators, nothing } from '../src/telemetry/access-operators.ts'
import { buckets, type MetricDefinition, metricTable } from '../src/telemetry/metric-table.ts'

/** The text of each page by the name of its file. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'flow-record.md': flowRecordPage(),
    'metrics.md': metricsPage(),
    'admin.md': adminPage(),
    'access-log.md': accessLogPage(),
    'cli.md': cliPage(),
    'engines.md': enginesPage(),
    'errors.md': errorsPage(),
    'kinds.md': kindsPage(),
  }
}

function adminPage(): string {
  return page('Admin pages', [
    'With `--admin ADDRESS`, a sidecar or gateway serves these pages, at the paths and in the forms of Envoy’s admin server, so that its runbooks and tools work. ADDRESS is `HOST:PORT`, `:PORT` (on loopback) or the path of a Unix socket, which is its owner’s alone.',
    'Pages are read with GET. Only what says so changes something, and only by POST; a web page of another origin is refused.',
    table(
      ['path', 'what it shows'],
      describePages().map(({ path, title }) => [code(path), title]),
    ),
    'Secrets are not shown: private keys, passwords, and the values of headers that carry credentials are `[redacted]`.',
    '`/config_dump?resource=` takes the name of one list, `mask=` the fields to keep (`cluster.name,version_info`), `name_regex=` an RE2 expression. Names for DNS and the places of declarations, for which Envoy has no field, stand in the `EcdsConfigDump` as `dns/HOST` and `origin/KIND/NAMESPACE/NAME`.',
    '`/flows` gives up to 1,000 of the newest [flow records](flow-record.md), oldest first. With `?follow` an empty line comes after them, then each record as it ends, and an empty line every ten seconds. A reader who is more than a megabyte behind loses records and is told how many; eight readers may follow at once.',
  ])
}

function enginesPage(): string {
  const rows = Object.values(engineDifferences)
  return page('Engines', [
    'What carries the traffic is Sallyport’s own data plane, or with `--engine envoy` stock Envoy 1.40. Both are given the same resources. DNS, the capture, its self-test, the records and the admin pages are Sallyport’s under both.',
    'What Envoy has no field for is said in its own terms as far as they go: a refusal becomes an answer with 403, a TLS alert or a dead end; names are asked of a resolver that tells no address which may not be dialled. What remains:',
    table(
      ['what', 'Sallyport', 'stock Envoy'],
      rows.map(({ what, sallyport, envoy }) => [what, sallyport, envoy]),
    ),
    'A test holds each row.',
  ])
}

function accessLogPage(): string {
  const names = Object.keys(accessOperators)
  const never = names.filter((name) => accessOperators[name] === nothing)
  return page('Access log', [
    'With `accessLogFile` of the mesh configuration, a Telemetry that names a provider with `envoyFileAccessLog`, or `--access-log FILE`, every request and every connection that carried no HTTP is one line when it ends.',
    'Without a format of its own it is Istio’s, as text or, with `accessLogEncoding: JSON`, as JSON:',
    `\`\`\`\n${istioTextFormat.trimEnd()}\n\`\`\``,
    '`accessLogFormat` of the mesh configuration, or `logFormat` of a provider (`text` or `labels`), gives another one, with Envoy’s operators: `%NAME%`, `%NAME(ARGUMENT)%`, `%NAME(ARGUMENT):LENGTH%`; `%%` is a percent sign. What is not there is `-`, in JSON `null`. An operator that does not exist is told at the start, and written as `-`.',
    '`%REQ(X?Y)%` and `%RESP(X?Y)%` print any header; the proxy keeps only those that an open log asks for. `%START_TIME(FORMAT)%` takes the fields of strftime and fractions of a second (`%3f`), in UTC.',
    'Differs from Envoy: between quotation marks of a text format, quotation marks and control characters of a value are escaped, and outside of them blanks become underscores, so that nobody can forge a field or a line.',
    heading('Operators'),
    names
      .filter((name) => !never.includes(name))
      .map(code)
      .join(', '),
    'Known, and without a value for what Sallyport carries:',
    never.map(code).join(', '),
  ])
}

function cliPage(): string {
  return page('Commands', [
    'What `sallyport COMMAND --help` prints.',
    ...describeCommands().flatMap(({ name, help }) => [heading(name), `\`\`\`\n${help.trimEnd()}\n\`\`\``]),
    heading('Exit codes'),
    table(
      ['code', 'meaning'],
      Object.entries(exitCodeTexts).map(([number, text]) => [code(number), text]),
    ),
  ])
}

function flowRecordPage(): string {
  return page('Flow records', [
    'Every connection, every HTTP request, every refused packet (counted together) and every refused DNS question ends in exactly one flow record.',
    'Written to a file or to stdout, it is one JSON object a line. A field that says nothing about a flow is absent.',
    'Where an output could not follow and records had to be dropped, a line `{"kind":"lost","count":N,"closed":MILLISECONDS}` stands in their place.',
    heading('Fields'),
    table(
      ['field', 'meaning'],
      Object.entries(flowRecordFields).map(([name, text]) => [code(name), text]),
    ),
    heading('Reason codes'),
    table(
      ['code', 'verdict', 'meaning'],
      Object.entries(reasonCodes).map(([name, { allow, text }]) => [code(name), allow ? 'allow' : 'deny', text]),
    ),
    heading('Response flags'),
    'The flags are Envoy’s, so that what is known of Envoy’s logs holds here.',
    table(
      ['flag', 'meaning'],
      Object.entries(responseFlags).map(([name, text]) => [code(name), text]),
    ),
  ])
}

function metricsPage(): string {
  const entries: [string, MetricDefinition][] = Object.entries(metricTable)
  const ofIstio = entries.filter(([name]) => name.startsWith('istio_'))
  const requestLabels: readonly string[] = metricTable.istio_requests_total.labels
  const tcpLabels: readonly string[] = metricTable.istio_tcp_connections_opened_total.labels
  return page('Metrics', [
    'The admin server shows them at `/stats/prometheus` in Prometheus’ text format.',
    heading('Istio’s standard metrics'),
    'Names, labels and meanings are those of Istio’s sidecar, so that dashboards made for it work. Both the sidecar and the egress gateway report as `source`.',
    table(
      ['metric', 'type', 'meaning'],
      ofIstio.map(([name, { type, text }]) => [code(name), type, text]),
    ),
    `Labels of connections: ${tcpLabels.map(code).join(', ')}.`,
    `Labels of requests: the same, and ${requestLabels
      .filter((label) => !tcpLabels.includes(label))
      .map(code)
      .join(', ')}.`,
    'For traffic that leaves the mesh, `destination_service` is the Host of the request, or the declared host of a connection. `destination_service_name` is the declared host, `BlackHoleCluster` for what nothing declares, or `PassthroughCluster` for what went out under ALLOW_ANY. What is not known of the destination is `unknown`.',
    `Histograms have the buckets ${buckets.join(', ')} and +Inf.`,
    'Memory is bounded: at most 10,000 label sets for requests and for connections each, 500 with histograms of their own, and 1,000 host names that only clients chose. What comes after them is counted with the label value `other`, and in `sallyport_metric_overflow_total`. Bytes of a connection are counted when it ends. As in Istio, a refused connection is closed without having been opened.',
    heading('Metrics of Sallyport'),
    table(
      ['metric', 'type', 'labels', 'meaning'],
      entries
        .filter(([name]) => !name.startsWith('istio_'))
        .map(([name, { type, labels, text }]) => [code(name), type, labels.map(code).join(', '), text]),
    ),
    heading('Channels'),
    'Metrics, records and logs subscribe to channels of node’s `diagnostics_channel`; a program that embeds Sallyport may do so too.',
    table(
      ['channel', 'told when'],
      Object.values(events).map(({ channel, text }) => [code(channel.name), text]),
    ),
  ])
}

function errorsPage(): string {
  return page('Codes of errors, issues and findings', [
    'Refused traffic has a [reason code](flow-record.md#reason-codes). Everything else that can be wrong has one of these codes; the message says what is wrong in the case at hand, and what to do.',
    heading('Errors of the program and its environment'),
    codeTable(errorCodes),
    heading('Issues of a resource or file'),
    'Codes that begin with IST are Istio’s, where the meaning is the same.',
    codeTable(issueCodes),
    heading('Findings across resources'),
    codeTable({ ...findingCodes, ...translationCodes }),
  ])
}

const supportWords = {
  yes: 'carried out',
  warn: 'not carried out; a warning, since leaving it undone opens nothing',
  deny: 'not carried out: an error, and what it governs is refused',
  'no-effect': 'read; has no effect',
} as const

function kindsPage(): string {
  const names: readonly SchemaName[] = [...kindNames, 'MeshConfig', 'SallyportSettings']
  return page('Kinds and fields', [
    'Every field of the kinds that are read, and what is done with it. A field that is not listed is an error.',
    '`SallyportSettings` is the key `sallyport` of the ConfigMap `istio` in `istio-system`; `MeshConfig` is its key `mesh`, or a document of its own.',
    ...names.flatMap((name) => [heading(name), fieldsTable(name)]),
  ])
}

function fieldsTable(name: SchemaName): string {
  return table(
    ['field', 'what becomes of it', 'meaning'],
    fieldTable(name).map(({ path, support, except, description }) => {
      const exceptions = Object.entries(except ?? {}).map(([value, fate]) => `; ${code(value)}: ${supportWords[fate]}`)
      return [code(path), `${supportWords[support]}${exceptions.join('')}`, description]
    }),
  )
}

function codeTable(codes: Readonly<Record<string, string>>): string {
  return table(
    ['code', 'meaning'],
    Object.entries(codes).map(([name, text]) => [code(name), text]),
  )
}

function page(title: string, parts: readonly string[]): string {
  return `<!-- Made by tools/gen-docs.mjs from the tables in src/. Change those, and run it. -->\n\n# ${title}\n\n${parts.join('\n\n')}\n`
}

function heading(text: string): string {
  return `## ${text}`
}

function code(text: string): string {
  return `\`${text}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}
