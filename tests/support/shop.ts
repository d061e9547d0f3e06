// A node with what package managers, git and ssh want of the outside: a web server over a folder, and an ssh server, none of them a service of the machine.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeProcess } from './node-process.ts'
import type { WorldNode } from './world.ts'

export const shopAddress = '198.18.0.30'

/** nginx over `folder`/www on port 80, keeping connections open as web servers do. */
export async function startFileServer(node: WorldNode, folder: string): Promise<NodeProcess> {
  const www = join(folder, 'www')
  mkdirSync(www, { recursive: true })
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `user root; daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr notice;
events {}
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
server { listen 80; root ${www}; index packument.json; default_type application/octet-stream; } }`,
  )
  const server = node.spawn('nginx', ['-c', config], { cwd: folder })
  await waitForPort(node, 80)
  return server
}

/** A flat repository of no packages: `deb [trusted=yes] URL ./` */
export function writeAptRepository(folder: string): void {
  const place = join(folder, 'www/apt')
  mkdirSync(place, { recursive: true })
  const packages =
    'Package: sallyport-test\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: nothing\nFilename: ./none.deb\nSize: 0\n\n'
  writeFileSync(join(place, 'Packages'), packages)
  const sum = createHash('sha256').update(packages).digest('hex')
  writeFileSync(
    join(place, 'Release'),
    `Origin: test\nSuite: stable\nArchitectures: amd64 arm64 all\nDate: ${new Date().toUTCString().replace('GMT', 'UTC')}\nSHA256:\n ${sum} ${packages.length} Packages\n`,
  )
}

/** A registry of the one package `left`: the document that npm asks for, and the archive that it points to. */
export function writeNpmRegistry(folder: string, host: string): void {
  const build = join(folder, 'build/package')
  const place = join(folder, 'www/left')
  for (const each of [build, place]) mkdirSync(each, { recursive: true })
  const manifest = { name: 'left', version: '1.0.0', main: 'index.js' }
  writeFileSync(join(build, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(build, 'index.js'), 'module.exports = "left"\n')
  const archive = join(place, 'left-1.0.0.tgz')
  execFileSync('tar', ['-czf', archive, '-C', join(folder, 'build'), 'package'])
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  const dist = { tarball: `http://${host}/left/left-1.0.0.tgz`, integrity }
  const packument = { name: 'left', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { ...manifest, dist } } }
  writeFileSync(join(place, 'packument.json'), JSON.stringify(packument))
}

/** A bare repository that is served as mere files. */
export function writeGitRepository(folder: string): void {
  const work = join(folder, 'build/git')
  const bare = join(folder, 'www/project.git')
  mkdirSync(work, { recursive: true })
  const git = (...args: readonly string[]): void => void execFileSync('git', args, { cwd: work, stdio: 'pipe' })
  git('init', '-q', '-b', 'main')
  writeFileSync(join(work, 'words'), 'a word\n')
  git('add', '.')
  git('-c', 'user.name=t', '-c', 'user.email=t@t.test', 'commit', '-q', '-m', 'one')
  git('clone', '-q', '--bare', work, bare)
  execFileSync('git', ['update-server-info'], { cwd: bare })
}

/** dropbear on port 22 for root with the key of `folder`/ssh; its home is a mount that only this node sees. */
export async function startSshServer(node: WorldNode, folder: string): Promise<NodeProcess> {
  const keys = join(folder, 'ssh')
  mkdirSync(keys, { recursive: true })
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(keys, 'client')])
  execFileSync('dropbearkey', ['-t', 'ed25519', '-f', join(keys, 'host')], { stdio: 'pipe' })
  const home = 'mount -t tmpfs -o mode=700 none /root && mkdir -m 700 /root/.ssh && cp client.pub /root/.ssh/authorized_keys'
  const serve = `${home} && exec dropbear -F -E -s -p 22 -r host -P pid`
  const server = node.spawn('sh', ['-c', serve], { cwd: keys })
  await waitForPort(node, 22)
  return server
}

/** ssh refuses a key that others may read, and the key's owner is whoever uses it. */
export function takeSshKey(folder: string, target: string): void {
  cpSync(join(folder, 'ssh/client'), target)
  chmodSync(target, 0o600)
}

async function waitForPort(node: WorldNode, port: number): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await node.exec('busybox', ['nc', '-w', '1', '127.0.0.1', String(port), '-e', 'true'])).code !== 0) {
    if (performance.now() > deadline) throw new Error(`${node.name}: nothing listens on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
