// Measures speed and memory of the shipped programs beside their peers: `make bench`, or some sections of it with `BENCH=http,tcp make bench`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { measureHttp } from './http.ts'
import { measureHttp2 } from './http2.ts'
import { measureMemory } from './memory.ts'
import { measureOverload } from './overload.ts'
import { type Place, versions } from './peers.ts'
import { stopAll } from './processes.ts'
import { formatSection, isMet, type Section } from './report.ts'
import { measureScale } from './scale.ts'
import { measureServe } from './serve.ts'
import { measureStarts } from './starts.ts'
import { measureTcp } from './tcp.ts'
import { measureWarmStart } from './warm-start.ts'
import { measureXds } from './xds.ts'

/** By the names that `BENCH` takes, in the order in which they run. */
const sections: Readonly<Record<string, (place: Place, rounds: number) => Section | Promise<Section>>> = {
  starts: (_place, rounds) => measureStarts(rounds),
  http: measureHttp,
  http2: measureHttp2,
  tcp: measureTcp,
  memory: measureMemory,
  overload: measureOverload,
  scale: measureScale,
  warm: measureWarmStart,
  xds: measureXds,
  serve: measureServe,
}

const rounds = Number(process.env['ROUNDS'] ?? '5')
const wanted = (process.env['BENCH'] ?? Object.keys(sections).join()).split(',')
const unknown = wanted.filter((name) => !Object.hasOwn(sections, name))
if (unknown.length > 0) throw new Error(`no such section: ${unknown.join()}; known are ${Object.keys(sections).join()}`)

const head = `# What ${wanted.length === Object.keys(sections).length ? 'make bench' : `BENCH=${wanted.join()} make bench`} has measured

Node ${process.version}, ${versions().join(', ')}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}.
${rounds} interleaved rounds; the table gives medians and the least of them. CPU is the run time of the whole process tree of what is measured
(the first field of schedstat of every thread) in the measured window, for each unit of work; the load generator and the origin are not counted.
Latencies depend on what else the machine does and are judged by nobody.`
console.log(head)

const place = { folder: mkdtempSync(join(tmpdir(), 'sallyport-bench-')) }
const done: Section[] = []
try {
  for (const name of wanted) {
    const section = await sections[name]?.(place, rounds)
    if (!section) continue
    done.push(section)
    console.log(`\n${formatSection(section)}`)
  }
} catch (error) {
  // The bundle's own lines say nothing to anybody.
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await stopAll()
  rmSync(place.folder, { recursive: true, force: true })
}
const aims = done.flatMap((section) => section.aims)
console.log(`\n${aims.filter(isMet).length} of ${aims.length} aims met`)
const results = process.env['BENCH_RESULTS'] ?? (process.env['BENCH'] === undefined ? 'bench/results.md' : undefined)
if (results !== undefined) writeFileSync(results, `${[head, ...done.map(formatSection)].join('\n\n')}\n`)
process.exit()
