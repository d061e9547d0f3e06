// Adds to package-lock.json the packages for other platforms that npm left out, because without them `npm ci` refuses the file on every platform.
//
// Run it after `npm install` when tests/house/packages.test.ts asks for it. Registries that carry only some platforms answer "not found" for the others; npm
// then writes a lock file that it does not accept itself (https://github.com/npm/cli/issues/9846). What is added has a version and a platform but no
// checksum, so it is never fetched here, and npm checks it elsewhere only against what the registry says.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const path = join(resolve(import.meta.dirname, '..'), 'package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8'))

const added = missing(lock.packages)
if (added.length > 0) {
  const entries = { ...lock.packages, ...Object.fromEntries(added) }
  const names = Object.keys(entries).sort((a, b) => (a < b ? -1 : 1))
  const packages = Object.fromEntries(names.map((name) => [name, entries[name]]))
  writeFileSync(path, `${JSON.stringify({ ...lock, packages }, undefined, 2)}\n`)
}
process.stdout.write(`package-lock.json: ${added.length} packages added\n`)

function missing(packages) {
  return Object.entries(packages).flatMap(([owner, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => packages[`node_modules/${name}`] === undefined && packages[`${owner}/node_modules/${name}`] === undefined)
      .map(([name, version]) => [`node_modules/${name}`, entryFor(name, version, entry)]),
  )
}

function entryFor(name, version, owner) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}@${version}: only a platform package of one exact version can be added`)
  const { os, cpu, libc } = platformOf(name)
  // In npm's own order, so that it does not rewrite the file.
  return { version, cpu: [cpu], ...(owner.dev && { dev: true }), ...(libc && { libc: [libc] }), optional: true, os: [os] }
}

/** Platform packages say in their names what they run on: `binding-linux-arm64-musl`. */
function platformOf(name) {
  const words = name.split(/[/-]/)
  const os = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'].find((each) =>
    words.includes(each),
  )
  const cpu = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'].find((each) => words.includes(each))
  if (os === undefined || cpu === undefined) throw new Error(`${name} does not say which platform it is for`)
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.some((word) => word.startsWith('gnu')) ? 'glibc' : undefined
  return { os, cpu, libc: os === 'linux' ? libc : undefined }
}
