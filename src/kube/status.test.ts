// Holds the Status objects to what a kube-apiserver answers.
import { describe, expect, test } from 'vitest'
import * as kube from './index.ts'

const entries = { group: 'networking.istio.io', plural: 'serviceentries' }
const pods = { group: '', plural: 'pods' }

// What kube-apiserver 1.34.4 answered.
const cases: Record<string, { status: kube.Status; code: number; reason: string; message: string; details?: unknown }> = {
  'a missing custom resource is named with its group': {
    status: kube.notFound(entries, 'none'),
    code: 404,
    reason: 'NotFound',
    message: 'serviceentries.networking.istio.io "none" not found',
    details: { name: 'none', group: 'networking.istio.io', kind: 'serviceentries' },
  },
  'a missing pod has no group': {
    status: kube.notFound(pods, 'none'),
    code: 404,
    reason: 'NotFound',
    message: 'pods "none" not found',
    details: { name: 'none', kind: 'pods' },
  },
  'a name that is taken': {
    status: kube.alreadyExists(entries, 'a'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'serviceentries.networking.istio.io "a" already exists',
    details: { name: 'a', group: 'networking.istio.io', kind: 'serviceentries' },
  },
  'a version that is no longer the newest': {
    status: kube.conflict(entries, 'a'),
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on serviceentries.networking.istio.io "a": the object has been modified; please apply your changes to the latest version and try again',
    details: { name: 'a', group: 'networking.istio.io', kind: 'serviceentries' },
  },
  'one cause of invalidity stands alone': {
    status: kube.invalid('', 'Service', 'x', [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' }]),
    code: 422,
    reason: 'Invalid',
    message: 'Service "x" is invalid: spec.ports: Required value',
    details: { name: 'x', kind: 'Service', causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' }] },
  },
  'a list that one may not see': {
    status: kube.forbidden({ user: 'viewer', verb: 'list', resource: entries, namespace: 'rec' }),
    code: 403,
    reason: 'Forbidden',
    message:
      'serviceentries.networking.istio.io is forbidden: User "viewer" cannot list resource "serviceentries" in API group "networking.istio.io" in the namespace "rec"',
    details: { group: 'networking.istio.io', kind: 'serviceentries' },
  },
  'a part of an object that one may not see': {
    status: kube.forbidden({ user: 'viewer', verb: 'get', resource: pods, subresource: 'log', namespace: 'rec', name: 'x' }),
    code: 403,
    reason: 'Forbidden',
    message: 'pods "x" is forbidden: User "viewer" cannot get resource "pods/log" in API group "" in the namespace "rec"',
    details: { name: 'x', kind: 'pods' },
  },
  'what is of no namespace': {
    status: kube.forbidden({ user: 'viewer', verb: 'list', resource: { group: '', plural: 'nodes' } }),
    code: 403,
    reason: 'Forbidden',
    message: 'nodes is forbidden: User "viewer" cannot list resource "nodes" in API group "" at the cluster scope',
    details: { kind: 'nodes' },
  },
  'a path that one may not see': {
    status: kube.forbiddenPath('viewer', 'get', '/metrics'),
    code: 403,
    reason: 'Forbidden',
    message: 'forbidden: User "viewer" cannot get path "/metrics"',
    details: {},
  },
  'a media type that is not read': {
    status: kube.unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']),
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  },
  'several fields of other managers': {
    status: kube.applyConflict([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.y' },
    ]),
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\n- .data.y',
    details: {
      causes: [
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.y' },
      ],
    },
  },
  'one field of another manager': {
    status: kube.applyConflict([{ reason: 'FieldManagerConflict', message: 'conflict with "a" using v1', field: '.data.a' }]),
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "a" using v1: .data.a',
    details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "a" using v1', field: '.data.a' }] },
  },
}

describe('a status', () => {
  test.each(Object.entries(cases))('%s', (_name, { status, code, reason, message, details }) => {
    expect(status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      code,
      ...(details === undefined ? {} : { details }),
    })
  })
})
