// Describes the metadata that every resource has, as Kubernetes knows it.
import { anything, integer, labels, list, map, object, quiet, text, texts } from './schema.ts'

const set = <S extends Parameters<typeof quiet>[1]>(schema: S): S => quiet('no-effect', schema)

export const metadataSchema = object('who the resource is', {
  name: text('its name'),
  namespace: text('its namespace'),
  labels: labels('labels'),
  annotations: map('annotations', text('a text')),
  creationTimestamp: text('when it was made: the older of two resources wins'),
  generateName: set(text('set by Kubernetes')),
  uid: set(text('set by Kubernetes')),
  resourceVersion: set(text('set by Kubernetes')),
  generation: set(integer('set by Kubernetes')),
  deletionTimestamp: set(text('set by Kubernetes')),
  deletionGracePeriodSeconds: set(integer('set by Kubernetes')),
  finalizers: set(texts('set by Kubernetes')),
  selfLink: set(text('set by Kubernetes')),
  managedFields: set(list('set by Kubernetes', anything('who set what'))),
  ownerReferences: set(list('set by Kubernetes', anything('an owner'))),
})
