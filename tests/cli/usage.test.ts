// Holds help, usage errors and what is loaded for them: a person who asks for help waits for nothing else.
import { posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsOf, readSources, resolveImport, type SourceFile } from '../house/sources.ts'
import { commandLine, sallyport } from './cli.ts'

const commands = [
  'run',
  'gateway',
  'explain',
  'analyze',
  'flows',
  'top',
  'doctor',
  'serve',
  'install',
  'kube-inject',
  'token',
  'backup',
  'restore',
  'xds',
  'proxy-config',
  'proxy-status',
  'x',
  'version',
]

describe('help', () => {
  test('lists every command, with examples', async () => {
    const { code, stdout, stderr } = await sallyport(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    expect(stdout).toContain('Examples:')
  })

  test.each(commands)('of %s goes to standard output, and hides nothing behind an internal option', async (command) => {
    const { code, stdout, stderr } = await commandLine([command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage: sallyport ${command}`)
    expect(stdout).not.toContain('--sockets')
  })

  test('loads the command tree alone: no other room, and no command’s file', async () => {
    const loaded = closureOf('src/main/bin.ts')
    const rooms = new Set([...loaded].map((path) => path.split('/')[1]))
    expect([...rooms].filter((room) => room !== 'main')).toEqual(['cli'])
    expect([...loaded].filter((path) => path.startsWith('src/main/'))).toEqual(['src/main/bin.ts'])
    expect([...loaded].filter((path) => path.startsWith('src/cli/commands/'))).toEqual([])
  })

  test('the version is one line', async () => {
    expect(await sallyport(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) })
  })
})

const wrong: Record<string, { args: readonly string[]; code: number; says: RegExp }> = {
  'no command at all': { args: [], code: 2, says: /Usage: sallyport/ },
  'an unknown command, with the one that was meant': { args: ['explian', 'x'], code: 2, says: /unknown command.*\n?.*explain/ },
  'an unknown option, with the one that was meant': { args: ['analyze', '--filenam', 'x'], code: 2, says: /--filename/ },
  'an option without its value': { args: ['explain', 'http://x/', '--from'], code: 2, says: /argument missing/ },
  'explain without a URL': { args: ['explain'], code: 2, says: /missing required argument 'url'/ },
  'explain with too many URLs': { args: ['explain', 'http://a/', 'http://b/'], code: 2, says: /too many arguments/ },
  'explain with a URL of no such kind': { args: ['explain', 'ftp://a/'], code: 2, says: /ftp:\/\/a\/.*\n.*fix: write http/ },
  'explain with tcp and no port': { args: ['explain', 'tcp://a'], code: 2, says: /has no port/ },
  'explain with an address that is none': { args: ['explain', 'http://a/', '--dialled', 'b'], code: 2, says: /--dialled "b" is not an IP/ },
  'explain with half a workload': { args: ['explain', 'http://a/', '--from', 'x'], code: 2, says: /NAMESPACE\/NAME/ },
  'a format that does not exist': { args: ['explain', 'http://a/', '-o', 'xml'], code: 2, says: /xml/ },
  'a policy that does not exist': {
    args: ['explain', 'http://a/', '--outbound', 'REGISTER_ONLY'],
    code: 2,
    says: /REGISTRY_ONLY, ALLOW_ANY/,
  },
  'analyze of nothing': { args: ['analyze', '--kubeconfig', '/none'], code: 2, says: /the kubeconfig \/none cannot be read/ },
  'a gateway that nothing can select': { args: ['gateway'], code: 2, says: /fix: add -l/ },
  'a gateway for peers that are none': { args: ['gateway', '-l', 'a=b', '--from', 'x'], code: 2, says: /--from "x"/ },
  'a label without a value': { args: ['gateway', '-l', 'a'], code: 2, says: /key=value/ },
  'run without a command': { args: ['run'], code: 125, says: /missing required argument 'command'/ },
  'run under files and a server': {
    args: ['run', '--xds', '127.0.0.1:1', '-f', 'x', '--', 'true'],
    code: 125,
    says: /-f and --xds exclude each other/,
  },
  'a gateway under a server and a policy': {
    args: ['gateway', '-l', 'a=b', '--xds', '/run/x.sock', '--outbound', 'ALLOW_ANY'],
    code: 2,
    says: /--outbound and --xds exclude each other/,
  },
  'a server that is no address': {
    args: ['run', '--xds', 'localhost', '--', 'true'],
    code: 125,
    says: /--xds "localhost" is neither HOST:PORT nor the path/,
  },
  'run with an unknown option': { args: ['run', '--no-such', '--', 'true'], code: 125, says: /unknown option/ },
  'run with a label without a value': { args: ['run', '-l', 'a', '--', 'true'], code: 125, says: /key=value/ },
  'run with a name that is none': { args: ['run', '--name', 'A b', '--', 'true'], code: 125, says: /is not a DNS label/ },
}

describe('what is typed wrongly', () => {
  test.each(Object.entries(wrong))('%s is said on standard error', async (_name, { args, code, says }) => {
    const ran = await commandLine(args)
    expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(says) })
    expect(ran.stderr).not.toMatch(/\n {4}at /)
  })

  test('and so is what a role finds wrong', async () => {
    const ran = await sallyport(['run', '--publish', 'x', '--', 'true'])
    expect(ran).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(/--publish.*\n.*fix: /) })
    expect(ran.stderr).not.toMatch(/\n {4}at /)
  })
})

/** Every file that is read when this one is, by what it imports at once and as a value. */
function closureOf(entry: string): ReadonlySet<string> {
  const files = new Map<string, SourceFile>(readSources('src').map((file) => [posix.normalize(file.path), file]))
  const seen = new Set<string>()
  const visit = (path: string): void => {
    const file = files.get(path)
    if (file === undefined || seen.has(path)) return
    seen.add(path)
    for (const { specifier, isTypeOnly, line } of importsOf(file)) {
      const isLazy = file.text.split('\n')[line - 1]?.includes('import(') === true
      const target = specifier === undefined ? undefined : resolveImport(path, specifier)
      if (target !== undefined && !isTypeOnly && !isLazy) visit(target)
    }
  }
  visit(entry)
  return seen
}
