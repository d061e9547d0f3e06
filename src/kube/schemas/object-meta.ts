// Describes the fields that Kubernetes objects of all kinds have, for checking, documentation and the ownership of fields.
import { anything, choice, flag, integer, labels, list, map, object, text, texts, type ObjectSchema, type Schema } from '../../api/index.ts'

export const time = (description: string): Schema => text(description, { format: 'date-time' })

const ownerReference = object(
  'an owner',
  {
    apiVersion: text('the API version of the owner'),
    kind: text('the kind of the owner'),
    name: text('the name of the owner'),
    uid: text('the uid of the owner'),
    controller: flag('whether the owner is the one that manages this object'),
    blockOwnerDeletion: flag('whether the owner stays until this object is gone, when it is deleted in the foreground'),
  },
  { required: ['apiVersion', 'kind', 'name', 'uid'], atomic: true },
)

const managedField = object('the fields that one manager set', {
  manager: text('the name of the manager, such as kubectl'),
  operation: choice('whether they were applied or written', ['Apply', 'Update']),
  apiVersion: text('the version in which they were set'),
  time: time('when the set last changed'),
  fieldsType: text('always FieldsV1'),
  fieldsV1: anything('the fields: `f:` and a name, `k:` and the keys of an entry, `v:` and a value'),
  subresource: text('the subresource by which they were set, such as status'),
})

export const objectMetaSchema: ObjectSchema = object('who the object is, and what the server keeps about it', {
  name: text('the name, unique among objects of its kind in its namespace; it cannot be changed'),
  generateName: text('the beginning of a name that the server completes, where no name is given'),
  namespace: text('the namespace that the object is in; `default` where none is given'),
  labels: labels('names and values by which selectors choose objects'),
  annotations: map('texts that tools keep with the object; nothing selects by them', text('the text')),
  uid: text('what tells this object from earlier and later ones of the same name; set by the server'),
  resourceVersion: text('the version of the object; a write that names an older one is refused'),
  generation: integer('counts the changes of what is asked for; set by the server'),
  creationTimestamp: time('when the object was made; set by the server'),
  deletionTimestamp: time('when deletion was asked for; the object goes when no finalizer is left'),
  deletionGracePeriodSeconds: integer('how long the object is given to end after deletion was asked for'),
  finalizers: list('who has to agree before the object is gone', text('the name of one'), { unique: true }),
  ownerReferences: list('the objects that this one belongs to; it goes when all of them are gone', ownerReference, {
    keys: ['uid'],
    patchKey: 'uid',
  }),
  managedFields: list('which fields were set by whom; kept by the server', managedField),
  selfLink: text('no longer set'),
})

/** What the conditions of a status say, by type. */
export function conditions(
  options: { readonly keys?: readonly string[]; readonly patchKey?: string } = { keys: ['type'], patchKey: 'type' },
): Schema {
  const fields = {
    type: text('what the condition is about'),
    status: text('True, False or Unknown'),
    reason: text('one word that says why'),
    message: text('a sentence that says why'),
    observedGeneration: integer('the generation of the object that the condition speaks of'),
    lastTransitionTime: time('when the status last changed'),
    lastProbeTime: time('when it was last looked at'),
    lastUpdateTime: time('when the condition was last written'),
    lastHeartbeatTime: time('when it was last heard from'),
  }
  return list('what is true of the object now', object('one condition', fields), options)
}

export interface RootOptions {
  readonly required?: readonly string[]
}

/** A whole object: its kind, its metadata and `fields`. */
export function root(description: string, fields: Readonly<Record<string, Schema>>, options: RootOptions = {}): ObjectSchema {
  const head = {
    apiVersion: text('the group and version of the kind'),
    kind: text('the kind of the object'),
    metadata: objectMetaSchema,
  }
  return object(description, { ...head, ...fields }, options)
}

export function labelSelector(description: string): ObjectSchema {
  const expression = object('one requirement', {
    key: text('the label'),
    operator: choice('how its value is compared', ['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: texts('the values, for In and NotIn'),
  })
  const fields = { matchLabels: labels('labels that must be there with these values'), matchExpressions: list('requirements', expression) }
  return object(description, fields, { atomic: true })
}

export function objectReference(description: string): ObjectSchema {
  const fields = {
    apiVersion: text('its API version'),
    kind: text('its kind'),
    namespace: text('its namespace'),
    name: text('its name'),
    uid: text('its uid'),
    resourceVersion: text('its version'),
    fieldPath: text('the part of it that is meant'),
  }
  return object(description, fields, { atomic: true })
}
