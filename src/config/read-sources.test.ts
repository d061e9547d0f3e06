// Holds what becomes of documents that people write: resources, settings, and issues that say what, where, why and what to do.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Issue } from '../api/index.ts'
import { formatIssue, readSources, readText } from './index.ts'

function said(issues: readonly Issue[]): string[] {
  return issues.map(({ level, code, place, path, message }) => `${level} ${code} ${place?.line}:${place?.column} ${path}: ${message}`)
}

const walkThrough = `# Walk-through HTTP, step 4
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: d2iq, namespace: default}
spec:
  hosts: [d2iq.com]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - {number: 80, name: http, protocol: HTTP}
  - {number: 443, name: tls, protocol: TLS}
---
apiVersion: networking.istio.io/v1beta1
kind: Gateway
metadata: {name: way-out}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [d2iq.com]
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: way-out, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  host: istio-egressgateway.istio-system.svc.cluster.local
  subsets:
  - name: d2iq
---
outboundTrafficPolicy:
  mode: REGISTRY_ONLY
`

describe('a configuration in order', () => {
  const { resources, settings, issues } = readText(walkThrough, 'walk.yaml')

  test('has no issues', () => expect(said(issues)).toEqual([]))

  test('has its resources, with defaults in the metadata and places in the file', () => {
    const gateway = resources.get('Gateway', 'default', 'way-out')
    expect(gateway?.meta).toEqual({ namespace: 'default', name: 'way-out', labels: {}, annotations: {}, created: 0 })
    expect(gateway?.origin.line).toBe(13)
    expect(gateway?.origin.placeOf('spec.servers[0].hosts[0]')).toEqual({ line: 20, column: 13 })
    expect(gateway?.origin.placeOf('spec.servers[0].port.number')).toEqual({ line: 19, column: 20 })
    expect(gateway?.origin.placeOf('spec.servers[0].tls.mode')).toEqual({ line: 19, column: 5 })
    expect(gateway?.origin.placeOf('nowhere')).toEqual({ line: 13, column: 1 })
    const fields = new Map(gateway?.origin.fields?.())
    expect(fields.get('spec.servers[0].hosts[0]')).toEqual({ line: 20, column: 13 })
    expect(fields.get('metadata.name')).toEqual(gateway?.origin.placeOf('metadata.name'))
    expect(resources.of('DestinationRule').map(({ meta }) => meta.created)).toEqual([Date.UTC(2026, 0, 1)])
  })

  test('is frozen to the ground', () => {
    const [entry] = resources.of('ServiceEntry')
    expect(Object.isFrozen(entry) && Object.isFrozen(entry?.spec.ports?.[0]) && Object.isFrozen(resources.of('Gateway'))).toBe(true)
  })

  test('says who set the outbound policy', () => {
    expect(settings.mesh.outboundTrafficPolicy?.mode).toBe('REGISTRY_ONLY')
    expect(settings.policyRef).toEqual({ kind: 'MeshConfig', namespace: '', name: 'mesh', field: 'outboundTrafficPolicy.mode' })
    expect(settings.origin?.placeOf('outboundTrafficPolicy.mode')).toEqual({ line: 31, column: 9 })
  })

  test('may be overruled by flags', () => {
    const overruled = readText(walkThrough, 'walk.yaml', { outboundPolicy: 'ALLOW_ANY', strictness: 'istio' })
    expect(overruled.settings.mesh.outboundTrafficPolicy?.mode).toBe('ALLOW_ANY')
    expect(overruled.settings.sallyport.strictness).toBe('istio')
    expect(overruled.settings.policyRef?.kind).toBe('Flag')
  })

  test('may have another default namespace', () => {
    const other = readText(walkThrough, 'walk.yaml', { defaultNamespace: 'team' })
    expect(other.resources.get('Gateway', 'team', 'way-out')).toBeDefined()
    expect(other.resources.get('ServiceEntry', 'default', 'd2iq')).toBeDefined()
  })
})

const head = (kind = 'ServiceEntry', name = 'it') => `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`

const refused: Record<string, { readonly text: string; readonly finds: readonly string[]; readonly loads?: number }> = {
  'no wrong field hides another': {
    text: `${head()}spec:\n  hosts: api.test\n  resolutoin: DNS\n  location: OUTSIDE\n  ports:\n  - {number: "80", name: http, protocl: HTTP}\n`,
    finds: [
      'error SLP1102 5:10 spec.hosts: hosts must be a list, and is the text "api.test"',
      'error SLP1101 6:3 spec.resolutoin: unknown field "resolutoin"',
      'error SLP1103 7:13 spec.location: location cannot be "OUTSIDE"',
      'error SLP1102 9:14 spec.ports[0].number: number must be a whole number, and is the text "80"',
      'error SLP1101 9:32 spec.ports[0].protocl: unknown field "protocl"',
    ],
  },
  'metadata counts too': {
    text: 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: It, label: {a: b}, annotations: {a: 1}}\nspec: {hosts: [a.test]}\n',
    finds: [
      'error SLP1101 3:22 metadata.label: unknown field "label"',
      'error SLP1102 3:54 metadata.annotations.a: a must be text, and is 1',
      'error SLP1110 3:18 metadata.name: name "It" is not valid: it takes lower-case letters, digits, hyphens and dots, at most 253, and letters or digits at the ends',
    ],
  },
  'no name': {
    text: 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nspec: {hosts: [a.test]}\n',
    finds: ['error SLP1110 1:1 metadata.name: the ServiceEntry has no name'],
  },
  'no spec': { text: head(), finds: ['error SLP1104 1:1 spec: spec is missing'] },
  'fields beside the spec': {
    text: `${head()}hosts: [a.test]\nspec: {hosts: [a.test]}\n`,
    finds: ['error SLP1101 4:1 hosts: unknown field "hosts"'],
  },
  'an empty field': {
    text: `${head()}spec:\n  hosts: [a.test]\n  ports:\n`,
    finds: ['error SLP1107 6:3 spec.ports: ports has no value; whether nothing or everything is meant would be a guess'],
  },
  'an unknown kind': {
    text: head('ServiceEntri'),
    finds: ['error SLP1111 2:7 kind: kind "ServiceEntri" of networking.istio.io is not known'],
  },
  'a kind of another group': {
    text: 'apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: it}\nspec: {}\n',
    finds: [
      'error SLP1112 1:13 apiVersion: a Gateway with apiVersion "gateway.networking.k8s.io/v1" is not known; Sallyport reads that of networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3',
    ],
  },
  'a version that is none': {
    text: 'apiVersion: networking.istio.io/v2\nkind: ServiceEntry\nmetadata: {name: it}\nspec: {hosts: [a.test]}\n',
    finds: ['error SLP1112 1:13 apiVersion: version "v2" of ServiceEntry is not known'],
  },
  'no kind': { text: 'services: {web: {image: x}}\n', finds: ['error SLP1115 1:1 : the document is not a resource: it has no kind'] },
  'a list of words': { text: '- a\n- b\n', finds: ['error SLP1115 1:1 : the document is not a resource: it is not a mapping of fields'] },
  'words that readers disagree on': {
    text: `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: it, labels: {y: b, legacy: no, build: 014}}\nspec: {hosts: [on.test], ports: [{number: 080, name: off, protocol: HTTP}], resolution: DNS}\n`,
    finds: [
      'error SLP1004 3:31 metadata.labels.y: the name y is a boolean to YAML 1.1, as kubectl reads it, and text to YAML 1.2',
      'error SLP1004 3:45 metadata.labels.legacy: no is a boolean to YAML 1.1, as kubectl reads it, and text to YAML 1.2',
      'error SLP1004 3:56 metadata.labels.build: 014 is a number to YAML',
      'error SLP1004 4:43 spec.ports[0].number: 080 is no number to YAML 1.1 and the number 80 to YAML 1.2',
      'error SLP1004 4:54 spec.ports[0].name: off is a boolean to YAML 1.1, as kubectl reads it, and text to YAML 1.2',
    ],
  },
  'the same resource twice': {
    text: `${head()}spec: {hosts: [a.test]}\n---\n${head()}spec: {hosts: [b.test]}\n`,
    finds: ['error SLP1113 8:18 metadata.name: the same ServiceEntry is declared at x.yaml:3 already: that one holds'],
    loads: 1,
  },
  'broken syntax in one document leaves the others': {
    text: `${head('ServiceEntry', 'a')}spec: {hosts: [a.test]}\n---\n${head('ServiceEntry', 'b')}spec: {hosts: [b.test]\n---\n${head('ServiceEntry', 'c')}spec: {hosts: [c.test]}\n`,
    finds: ['error SLP1001'],
    loads: 2,
  },
  'a document of more than a megabyte': {
    text: `${head()}spec: {hosts: [a.test]} # ${'x'.repeat(1024 * 1024)}\n`,
    finds: ['error SLP1005'],
  },
}

describe('what is refused, and how that is said', () => {
  test.each(Object.entries(refused))('%s', (_title, { text, finds, loads }) => {
    const { resources, issues } = readText(text, 'x.yaml')
    const lines = said(issues)
    expect(lines.map((line, i) => (finds[i] && /^error SLP\d{4}$/.test(finds[i]) ? line.split(' ').slice(0, 2).join(' ') : line))).toEqual(
      finds,
    )
    expect(resources.of('ServiceEntry').length).toBe(loads ?? 0)
  })

  test('everything has a fix where one is known, in the words of the file', () => {
    const text = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: it, labels: {version: 1.10}}\nspec: {hosts: [*.a.test], addresses: [2001:db8::], resolution: DSN}\n`
    const block = text
      .replace('[2001:db8::]', '\n  - 2001:db8::\n ')
      .replace('spec: {hosts: [*.a.test], addresses: ', 'spec:\n  hosts: [*.a.test]\n  addresses:')
      .replace(', resolution: DSN}', ' resolution: DSN')
    const { issues } = readText(block, 'x.yaml')
    expect(issues.map(({ fix }) => fix)).toEqual([
      'quote it: "*.a.test"',
      'quote it: "1.10"',
      'quote it: "2001:db8::"',
      'did you mean DNS? Known are NONE, STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS',
    ])
  })

  test('is printed with its place, the lines around it and a fix', () => {
    const { issues } = readText('# policy\noutboundTrafficPolicy:\n  mode: REGISTER_ONLY\n', 'mesh.yaml')
    expect(issues.map((issue) => formatIssue(issue)).join('\n')).toBe(
      [
        'error[SLP1103]: MeshConfig mesh: mode cannot be "REGISTER_ONLY"',
        '  --> mesh.yaml:3:9   (outboundTrafficPolicy.mode)',
        '  1 │ # policy',
        '  2 │ outboundTrafficPolicy:',
        '  3 │   mode: REGISTER_ONLY',
        '    │         ^^^^^^^^^^^^^',
        '  fix: did you mean REGISTRY_ONLY? Known are REGISTRY_ONLY, ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS',
      ].join('\n'),
    )
  })

  test('findings without end are cut', () => {
    const text = `${head()}spec:\n  hosts: [a.test]\n${Array.from({ length: 500 }, (_, i) => `  x${i}: 1`).join('\n')}\n`
    expect(readText(text, 'x.yaml').issues.length).toBe(100)
  })
})

describe('documents in other shapes', () => {
  test('JSON, and lists of resources with nulls that programs write', () => {
    const item = (name: string) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name, creationTimestamp: null, labels: null },
      spec: { hosts: [`${name}.test`] },
      status: null,
    })
    const { resources, issues } = readText(
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] }, undefined, 1),
      'x.json',
    )
    expect(said(issues)).toEqual([])
    const [a, b] = resources.of('ServiceEntry')
    expect([a?.meta.name, b?.meta.name]).toEqual(['a', 'b'])
    expect(a?.hash).not.toBe(b?.hash)
    expect(b?.origin.placeOf('spec.hosts[0]').line).toBeGreaterThan(a?.origin.placeOf('spec.hosts[0]').line ?? 0)
  })

  test('an empty body is enough for kinds of the core', () => {
    const { resources, issues } = readText(
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {a: b}}\nspec:\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n',
      'x.yaml',
    )
    expect(said(issues)).toEqual([])
    expect(resources.get('Namespace', '', 'team')?.meta.labels).toEqual({ a: 'b' })
    expect(resources.get('ConfigMap', 'default', 'c')?.spec).toEqual({})
  })
})

describe('what is understood but not carried out', () => {
  test('is an error, and the resource is loaded with the fields that are to be denied', () => {
    const { resources, issues } = readText(
      `${head('VirtualService')}spec:\n  hosts: [a.test]\n  http:\n  - match: [{uri: {prefix: /x}}]\n    redirect: {uri: /x, redirectCode: 304}\n  - retries: {attempts: 1, retryRemoteLocalities: true}\n    route: [{destination: {host: a.test}}]\n`,
      'x.yaml',
    )
    expect(said(issues)).toEqual([
      'warning SLP1202 9:28 spec.http[1].retries.retryRemoteLocalities: retries.retryRemoteLocalities is not carried out yet: each try takes the next address, whatever its locality',
      'error SLP1201 8:39 spec.http[0].redirect.redirectCode: no redirect has the code 304; requests that this rule matches are refused',
    ])
    expect(resources.of('VirtualService').map(({ unsupported }) => unsupported)).toEqual([['spec.http[0].redirect.redirectCode']])
    expect(issues.map(({ unsupported }) => unsupported === true)).toEqual([false, true])
  })

  const policies = (spec: string, namespace = 'team') =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: ${namespace}}\nspec: ${spec}\n`
  const reaches: Record<string, { readonly text: string; readonly governed: readonly unknown[] }> = {
    'a policy of a namespace': {
      text: policies('{}'),
      governed: [{ kind: 'AuthorizationPolicy', namespace: 'team', name: 'p', scope: 'namespace' }],
    },
    'a policy of the root namespace': {
      text: policies('{}', 'istio-system'),
      governed: [{ kind: 'AuthorizationPolicy', namespace: 'istio-system', name: 'p', scope: 'mesh' }],
    },
    'a policy that selects': {
      text: policies('{selector: {matchLabels: {istio: egressgateway}}}'),
      governed: [{ kind: 'AuthorizationPolicy', namespace: 'team', name: 'p', scope: 'selector', labels: { istio: 'egressgateway' } }],
    },
    'a policy that selects in a way that is not read': {
      text: policies('{selector: {matchLabels: {a: [b]}}}'),
      governed: [{ kind: 'AuthorizationPolicy', namespace: 'team', name: 'p', scope: 'namespace' }],
    },
    'a policy that only asks for records': { text: policies('{action: AUDIT}'), governed: [] },
    'a policy without a name counts nevertheless': {
      text: policies('{}').replace('name: p, ', ''),
      governed: [{ kind: 'AuthorizationPolicy', namespace: 'team', name: '', scope: 'namespace' }],
    },
    'an EnvoyFilter': {
      text: 'apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: s}\nspec: {workloadSelector: {labels: {a: b}}}\n',
      governed: [{ kind: 'EnvoyFilter', namespace: 'default', name: 's', scope: 'selector', labels: { a: 'b' } }],
    },
    'a network policy for what comes in': {
      text: 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}, ingress: []}\n',
      governed: [],
    },
    'a network policy for what goes out': {
      text: 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}, policyTypes: [Egress]}\n',
      governed: [{ kind: 'NetworkPolicy', namespace: 'default', name: 'n', scope: 'namespace' }],
    },
    'a namespace bound to a gateway': {
      text: 'apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {sallyport.dev/require-gateway: g}}\n',
      governed: [{ kind: 'Namespace', namespace: 'team', name: 'team', scope: 'namespace' }],
    },
    'a Deployment': { text: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {}\n', governed: [] },
  }

  test.each(Object.entries(reaches))('%s', (_title, { text, governed }) => {
    const { resources, issues } = readText(text, 'x.yaml')
    expect((resources.governed ?? []).map(({ origin: _origin, ...rest }) => rest)).toEqual(governed)
    expect(issues.some((issue) => issue.level === 'error')).toBe(governed.length > 0)
    expect(issues.length).toBeGreaterThan(0)
  })
})

describe('the settings of the mesh', () => {
  const configMap = `apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
data:
  mesh: |-
    # as installed
    defaultConfig:
      discoveryAddress: istiod.istio-system.svc:15012
    rootNamespace: istio-system
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY
    trustDomain: cluster.local
  sallyport: |
    strictness: istio
    dns: {undeclared: nxdomain}
  meshNetworks: 'networks: {}'
`

  test('are read out of the ConfigMap, each with its place in the file', () => {
    const { settings, issues, resources } = readText(configMap, 'x.yaml')
    expect(said(issues)).toEqual([
      'warning SLP1203 18:3 data.meshNetworks: the text "meshNetworks" has no effect: settings are read from mesh and sallyport',
    ])
    expect(settings.mesh.outboundTrafficPolicy).toEqual({ mode: 'REGISTRY_ONLY' })
    expect(settings.sallyport).toEqual({ strictness: 'istio', dns: { undeclared: 'nxdomain' } })
    expect(settings.policyRef).toEqual({
      kind: 'ConfigMap',
      namespace: 'istio-system',
      name: 'istio',
      field: 'data.mesh.outboundTrafficPolicy.mode',
    })
    expect(settings.origin?.placeOf('data.mesh.outboundTrafficPolicy.mode')).toEqual({ line: 13, column: 13 })
    expect(new Map(settings.origin?.fields?.()).get('data.mesh.outboundTrafficPolicy.mode')).toEqual({ line: 13, column: 13 })
    expect(resources.of('ConfigMap').length).toBe(1)
  })

  test('are as strict inside as outside', () => {
    const text = configMap
      .replace('REGISTRY_ONLY', 'REGISTER_ONLY')
      .replace('rootNamespace', 'rootNamespcae')
      .replace('strictness: istio', 'strictness: [')
    const { settings, issues } = readText(text, 'x.yaml')
    expect(said(issues).slice(0, 3)).toEqual([
      'error SLP1101 11:5 data.mesh.rootNamespcae: unknown field "rootNamespcae"',
      'error SLP1103 13:13 data.mesh.outboundTrafficPolicy.mode: mode cannot be "REGISTER_ONLY"',
      'error SLP1001 17:5 data.sallyport: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ])
    expect(issues[1]?.frame).toContain('  13 │       mode: REGISTER_ONLY\n     │             ^^^^^^^^^^^^^')
    expect(settings.mesh).toEqual({})
  })

  const meshes: Record<string, { readonly text: string; readonly mode: string | undefined; readonly finds: readonly string[] }> = {
    'not said': { text: 'accessLogFile: /dev/stdout\n', mode: undefined, finds: [] },
    'said with a kind': { text: 'kind: MeshConfig\noutboundTrafficPolicy: {mode: ALLOW_ANY}\n', mode: 'ALLOW_ANY', finds: [] },
    'said without a mode': {
      text: 'outboundTrafficPolicy: {}\n',
      mode: 'REGISTRY_ONLY',
      finds: ['warning IST0133 1:1 outboundTrafficPolicy: outboundTrafficPolicy has no mode: REGISTRY_ONLY holds, the first of the modes'],
    },
    'not carried out': {
      text: 'outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}\n',
      mode: 'REGISTRY_ONLY',
      finds: [
        'error SLP1201 1:31 outboundTrafficPolicy.mode: outboundTrafficPolicy.mode ALLOW_ANY_DYNAMIC_DNS is understood but not carried out yet: REGISTRY_ONLY holds in its place',
      ],
    },
    'given twice': {
      text: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n---\noutboundTrafficPolicy: {mode: ALLOW_ANY}\n',
      mode: 'REGISTRY_ONLY',
      finds: ['error SLP1114 3:1 : the settings of the mesh are given twice: those of x.yaml:1 hold'],
    },
    unknown: {
      text: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\noutboundPolicy: x\n',
      mode: undefined,
      finds: ['error SLP1101 2:1 outboundPolicy: unknown field "outboundPolicy"'],
    },
  }

  test.each(Object.entries(meshes))('the outbound policy: %s', (_title, { text, mode, finds }) => {
    const { settings, issues } = readText(text, 'x.yaml')
    expect(said(issues)).toEqual(finds)
    expect(settings.mesh.outboundTrafficPolicy?.mode).toBe(mode)
  })

  test('a setting that narrows and is not carried out governs the mesh', () => {
    const { settings, resources } = readText('discoverySelectors: [{matchLabels: {a: b}}]\n', 'x.yaml')
    expect(settings.unsupported).toEqual(['discoverySelectors'])
    expect(resources.governed?.map(({ kind, scope }) => `${kind} ${scope}`)).toEqual(['MeshConfig mesh'])
  })
})

describe('files and directories', () => {
  const directories: string[] = []
  const directory = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'sallyport-sources-'))
    directories.push(path)
    return path
  }
  afterEach(() => {
    for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true })
  })
  const entry = (name: string) => `${head('ServiceEntry', name)}spec: {hosts: [${name}.test]}\n`

  test('are read in the order of their names, hidden and foreign ones not at all', () => {
    const root = directory()
    mkdirSync(join(root, 'b'))
    mkdirSync(join(root, '.git'))
    for (const name of ['c.yaml', 'a.yml', 'b/x.json', '.hidden.yaml', 'notes.txt', '.git/y.yaml']) {
      writeFileSync(
        join(root, name),
        name.endsWith('json') ? JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }) : entry(name.slice(0, 1)),
      )
    }
    const { resources, issues } = readSources([root])
    expect(said(issues)).toEqual([])
    expect(resources.of('ServiceEntry').map(({ origin }) => origin.source)).toEqual([join(root, 'a.yml'), join(root, 'c.yaml')])
    expect(resources.of('Namespace').length).toBe(1)
  })

  test('links are followed, but not in circles', () => {
    const root = directory()
    const other = directory()
    writeFileSync(join(other, 'x.yaml'), entry('x'))
    symlinkSync(other, join(root, 'there'))
    symlinkSync(root, join(other, 'back'))
    expect(
      readSources([root])
        .resources.of('ServiceEntry')
        .map(({ origin }) => origin.source),
    ).toEqual([join(root, 'there', 'x.yaml')])
  })

  test('a file given by itself and by its directory is one file', () => {
    const root = directory()
    writeFileSync(join(root, 'x.yaml'), entry('x'))
    expect(said(readSources([join(root, 'x.yaml'), root]).issues)).toEqual([])
  })

  test('what cannot be read is an issue, and the rest is read', () => {
    const root = directory()
    writeFileSync(join(root, 'a.yaml'), entry('a'))
    writeFileSync(join(root, 'b.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]))
    symlinkSync(join(root, 'nowhere'), join(root, 'c.yaml'))
    const { resources, issues } = readSources([root, join(root, 'missing')])
    expect(resources.of('ServiceEntry').length).toBe(1)
    expect(issues.map(({ code, source }) => `${code} ${source.slice(root.length)}`)).toEqual([
      'SLP1006 /b.yaml',
      'SLP1006 /c.yaml',
      'SLP1006 /missing',
    ])
    expect(issues[0]?.message).toContain('is not UTF-8 text')
  })
})

describe('what is wrong with a Secret is told without it', () => {
  const broken: Record<string, string> = {
    'a number': 'kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {pin: 74712904}\n',
    'an ambiguous word': 'kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {pin: 0o74712904, other: yes}\n',
    'an unknown field': 'kind: Secret\napiVersion: v1\nmetadata: {name: s}\ndata: {a: 74712904aaa===}\nunknown: {pin: "74712904"}\n',
    'no YAML': 'kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData:\n  pin: "74712904\n other: [\n',
    'an alias': 'kind: "Secret"\napiVersion: v1\nmetadata: {name: s}\ndata: {a: 74712904}\nstringData: {b: {c: *x}}\n',
    'JSON in a list':
      '{"kind": "List", "apiVersion": "v1", "items": [{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"a": 74712904}}]}',
  }
  test.each(Object.entries(broken))('%s', (_name, text) => {
    const { issues } = readText(text, 'secret.yaml')
    expect(issues.length).toBeGreaterThan(0)
    const told = issues.map((issue) => `${formatIssue(issue)} ${JSON.stringify(issue)}`).join('\n')
    expect(told).not.toContain('74712904')
  })
})
