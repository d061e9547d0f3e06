// Holds discovery to that of a kube-apiserver 1.34.4 with Istio's CRDs: what is served here is described as it is there.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { aggregated, coreVersions, groupList, groupOf, resourceList, type JsonObject } from './index.ts'

const recorded: Readonly<Record<string, JsonObject>> = JSON.parse(readFileSync(new URL('testdata/discovery.json', import.meta.url), 'utf8'))

type Entry = {
  readonly name?: string
  readonly resource?: string
  readonly subresource?: string
  readonly verbs?: readonly string[]
  readonly responseKind?: unknown
  readonly subresources?: readonly Entry[]
}

/** The order of verbs says nothing, and kinds of the core group say theirs without a group there. Roles are read only here. */
function normal({ verbs = [], responseKind: _, subresources, ...rest }: Entry): unknown {
  const isRole = ['roles', 'clusterroles'].includes(rest.resource ?? rest.name ?? '')
  const offered = isRole ? verbs.filter((verb) => verb === 'get' || verb === 'list') : [...verbs]
  return { ...rest, verbs: offered.sort(), ...(subresources ? { subresources: subresources.map(normal) } : {}) }
}

/** Parts of pods and accounts that are not offered: `attach`, `eviction`, `portforward` and the like. */
function parts(entry: Entry | undefined, like: Entry): Entry | undefined {
  const wanted = like.subresources?.map(({ subresource }) => subresource)
  return (
    entry && {
      ...entry,
      ...(entry.subresources ? { subresources: entry.subresources.filter(({ subresource }) => wanted?.includes(subresource)) } : {}),
    }
  )
}

const lists: Readonly<Record<string, readonly [string, string]>> = {
  'api-v1': ['', 'v1'],
  'apis-gv': ['networking.istio.io', 'v1'],
  'apis-sec': ['security.istio.io', 'v1'],
  'apis-events': ['events.k8s.io', 'v1'],
  'apis-disc': ['discovery.k8s.io', 'v1'],
  'apis-authz': ['authorization.k8s.io', 'v1'],
  'apis-authn': ['authentication.k8s.io', 'v1'],
  'apis-rbac': ['rbac.authorization.k8s.io', 'v1'],
  'apis-ext': ['apiextensions.k8s.io', 'v1'],
}

function entriesIn(list: JsonObject | undefined): readonly Entry[] {
  const entries = list?.['resources']
  return Array.isArray(entries) ? entries : []
}

describe('the resources of a group are described as Kubernetes does', () => {
  test.each(Object.entries(lists))('%s', (name, [group, version]) => {
    const list = resourceList(group, version)
    const theirs = entriesIn(recorded[name])
    const head = ({ kind, apiVersion, groupVersion }: JsonObject = {}) => ({ kind, apiVersion, groupVersion })
    expect(head(list)).toEqual(head(recorded[name]))
    for (const entry of entriesIn(list)) {
      const same = theirs.find((other) => other.name === entry.name)
      expect(normal(entry)).toEqual(same && normal(same))
    }
  })
})

test('the groups are listed with the version that is preferred', () => {
  expect(groupOf('networking.istio.io')).toEqual(recorded['apis-g'])
  expect(groupOf('none.example')).toBeUndefined()
  expect(resourceList('networking.istio.io', 'v2')).toBeUndefined()
  expect(JSON.stringify(groupList())).toContain('"name":"security.istio.io"')
  expect(coreVersions('127.0.0.1:6443')).toEqual({
    ...recorded['api'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
  })
})

type Group = {
  readonly metadata: { readonly name?: string }
  readonly versions: readonly { readonly version: string; readonly resources: readonly Entry[] }[]
}

describe('all of discovery at once is as Kubernetes has it', () => {
  test.each(['api', 'apis'] as const)('%s', (what) => {
    const ours = aggregated(what, 'v2')['items']
    const theirs = recorded[`${what}-v2`]?.['items']
    if (!Array.isArray(ours) || !Array.isArray(theirs)) throw new Error('no items')
    for (const { metadata, versions } of ours as readonly Group[]) {
      const group = (theirs as readonly Group[]).find((other) => other.metadata.name === metadata.name)
      for (const { version, resources } of versions) {
        const others = group?.versions.find((other) => other.version === version)?.resources ?? []
        for (const entry of resources) {
          const same = parts(
            others.find(({ resource }) => resource === entry.resource),
            entry,
          )
          expect(normal(entry)).toEqual(same && normal(same))
        }
      }
    }
  })

  test('in the words of older clients too', () => {
    expect(aggregated('apis', 'v2beta1')['apiVersion']).toBe('apidiscovery.k8s.io/v2beta1')
  })
})
