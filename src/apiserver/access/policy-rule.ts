// One rule of a role, in Kubernetes' form: which verbs on which resources or paths; and what several of them allow together.

export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  /** `pods`, `pods/log`, or `*`. */
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** What is asked for, as Kubernetes' attributes of a request. */
export interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  /** Empty: outside of namespaces, or in all of them. */
  readonly namespace: string
  /** Empty: any. */
  readonly name: string
}

export interface PathAttributes {
  readonly verb: string
  readonly path: string
}

type Wanted = Pick<ResourceAttributes, 'verb' | 'group' | 'resource' | 'subresource'>

export function allowsResource(rules: readonly PolicyRule[], { verb, group, resource, subresource }: Wanted): boolean {
  const path = subresource === '' ? resource : `${resource}/${subresource}`
  return rules.some(({ verbs, apiGroups = [], resources = [] }) => has(verbs, verb) && has(apiGroups, group) && has(resources, path))
}

export function allowsPath(rules: readonly PolicyRule[], { verb, path }: PathAttributes): boolean {
  const matches = (pattern: string): boolean => pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))
  return rules.some(({ verbs, nonResourceURLs = [] }) => has(verbs, verb) && nonResourceURLs.some(matches))
}

/** What of the wanted rules is not among those that are held, each with one verb on one resource. */
export function missingRules(wanted: readonly PolicyRule[], held: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(({ verbs, apiGroups = [], resources = [], nonResourceURLs = [] }) =>
    verbs.flatMap((verb) => [
      ...apiGroups.flatMap((group) =>
        resources.flatMap((path) => {
          const [resource = '', subresource = ''] = path.split('/')
          return allowsResource(held, { verb, group, resource, subresource })
            ? []
            : [{ verbs: [verb], apiGroups: [group], resources: [path] }]
        }),
      ),
      ...nonResourceURLs.flatMap((path) => (allowsPath(held, { verb, path }) ? [] : [{ verbs: [verb], nonResourceURLs: [path] }])),
    ]),
  )
}

/** As Kubernetes tells of them. */
export function ruleText({ verbs, apiGroups, resources, nonResourceURLs }: PolicyRule): string {
  const parts = Object.entries({ APIGroups: apiGroups, Resources: resources, NonResourceURLs: nonResourceURLs, Verbs: verbs })
  const told = parts.flatMap(([name, list]) =>
    list === undefined ? [] : [`${name}:[${list.map((one) => JSON.stringify(one)).join(' ')}]`],
  )
  return `{${told.join(', ')}}`
}

function has(list: readonly string[], one: string): boolean {
  return list.includes('*') || list.includes(one)
}
