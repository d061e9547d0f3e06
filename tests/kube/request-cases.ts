// The requests whose answers are held beside those of a kube-apiserver, in this order; each goes on from what those before it left.
import type { Asked } from './served-api.ts'

export interface RequestCase {
  /** Below the namespace of the test. */
  readonly path: string
  readonly asked: Asked
  /** Where our answer is another, and why: neither more nor fewer fields than differ. */
  readonly differs?: { readonly reason: string; readonly fields: readonly string[] }
}

const map = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { in: name < 'o' ? 'no' : 'yes' } },
})
const post = (body: object): Asked => ({ method: 'POST', body: JSON.stringify(body) })
const put = (body: object): Asked => ({ method: 'PUT', body: JSON.stringify(body) })
const patch = (body: object, type = 'merge-patch+json'): Asked => ({
  method: 'PATCH',
  body: JSON.stringify(body),
  headers: { 'Content-Type': `application/${type}` },
})

const noAddress = {
  reason: 'a Service is given no address: nothing here would answer at one',
  fields: ['spec.clusterIP', 'spec.clusterIPs'],
}
const noPort = {
  reason: 'nor a port of the nodes',
  fields: [...noAddress.fields, 'spec.ports[0].nodePort'],
}

function service(name: string, spec: object, differs?: RequestCase['differs']): RequestCase {
  const asked = post({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })
  return { path: '/services', asked, ...(differs && { differs }) }
}

const options: Readonly<Record<string, RequestCase>> = {
  'creates with options that are none': { path: '/configmaps?dryRun=foo&fieldValidation=bar', asked: post(map('x')) },
  'creates with a dry run of all and of nothing': { path: '/configmaps?dryRun=All&dryRun=Some', asked: post(map('x')) },
  'creates with a name of its manager that is too long': { path: `/configmaps?fieldManager=${'m'.repeat(129)}`, asked: post(map('x')) },
  'updates with options that are none': { path: '/configmaps/x?fieldValidation=bar', asked: put(map('x')) },
  'patches with options that are none': { path: '/configmaps/x?dryRun=foo&fieldValidation=strict', asked: patch({}) },
  'patches by force': { path: '/configmaps/x?force=true&dryRun=foo', asked: patch({}) },
  'applies without saying who': { path: '/configmaps/x?dryRun=foo', asked: patch(map('x'), 'apply-patch+yaml') },
  'deletes with options that are none': { path: '/configmaps/x?dryRun=foo', asked: { method: 'DELETE' } },
}

const services: Readonly<Record<string, RequestCase>> = {
  'makes a Service': service('plain', { ports: [{ port: 80 }] }, noAddress),
  'makes a Service that keeps clients where they were': service(
    'sticky',
    { ports: [{ port: 53, protocol: 'UDP' }], sessionAffinity: 'ClientIP' },
    noAddress,
  ),
  'makes a Service with an address of its own': service('own', { ports: [{ port: 53 }], clusterIP: '10.0.0.77' }),
  'makes a Service of nodes': service('nodes', { type: 'NodePort', ports: [{ port: 80, targetPort: 'http' }] }, noPort),
  'makes a Service of load balancers': service('balanced', { type: 'LoadBalancer', ports: [{ port: 80 }] }, noPort),
  'makes a Service without a head': service('headless', { clusterIP: 'None', selector: { a: 'b' } }),
  'makes a Service for a name elsewhere': service('elsewhere', { type: 'ExternalName', externalName: 'a.example' }),
  'makes a Service for ports of a name elsewhere': service('ports', {
    type: 'ExternalName',
    externalName: 'a.example',
    ports: [{ port: 80 }],
  }),
  'makes Endpoints': {
    path: '/endpoints',
    asked: post({
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'e' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
    }),
  },
}

function listed(path: string, count: number): RequestCase {
  const fields = Array.from({ length: count }, (_, index) => [`items[${index}].apiVersion`, `items[${index}].kind`]).flat()
  return { path, asked: {}, differs: { reason: 'each object of a list says what it is, as those of defined kinds do', fields } }
}

/** By their names behind `kube-root-ca.crt`, which a cluster makes in its own time: whether a page says that there is more does not depend on it. */
const pages: Readonly<Record<string, RequestCase>> = {
  ...Object.fromEntries(['m', 'n', 'o', 'p', 'q', 'r'].map((name) => [`makes ${name}`, { path: '/configmaps', asked: post(map(name)) }])),
  'lists the first page of a selection': listed('/configmaps?labelSelector=in%3Dyes&limit=2', 2),
  'lists the next page of a selection': listed('/configmaps?labelSelector=in%3Dyes&limit=2&continue=CONTINUE', 2),
  'lists a page that takes a whole selection': listed('/configmaps?labelSelector=in%3Dyes&limit=4', 4),
  'lists a page of more than a selection': listed('/configmaps?labelSelector=in%3Dno&limit=500', 2),
  'lists the first page of a selection by field': listed('/configmaps?fieldSelector=metadata.name%3Do&limit=1', 1),
}

export const requestCases: Readonly<Record<string, RequestCase>> = { ...options, ...services, ...pages }
