// Judges the metadata that clients send, as Kubernetes does.
import type { Json, KubeObject, ObjectMeta, OwnerReference } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import type { StatusCause } from '../status.ts'
import { invalidValue, required, tooLong } from './cause.ts'
import { labelValueProblems, nameProblems, qualifiedNameProblems } from './names.ts'

const mostAnnotationBytes = 262_144
const standardFinalizers: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes'])

/** The name is judged where it is given; whoever completes `generateName` does so before. */
export function metadataCauses(resource: ApiResource, { metadata }: KubeObject): readonly StatusCause[] {
  const { name = '', labels = {}, annotations = {}, finalizers = [] } = metadata
  return [
    ...(name === ''
      ? [required('metadata.name', 'name or generateName is required')]
      : invalids('metadata.name', name, nameProblems(name, resource.nameRule))),
    ...Object.entries(labels).flatMap(([key, value]) => labelCauses(key, value)),
    ...Object.keys(annotations).flatMap((key) => invalids('metadata.annotations', key, qualifiedNameProblems(key.toLowerCase()))),
    ...annotationSize(annotations),
    ...finalizers.flatMap((finalizer) => invalids('metadata.finalizers', finalizer, qualifiedNameProblems(finalizer))),
    ...ownerCauses(metadata),
    ...finalizers.flatMap(finalizerCauses),
  ]
}

function invalids(field: string, value: Json, problems: readonly string[]): readonly StatusCause[] {
  return problems.map((problem) => invalidValue(field, value, problem))
}

function labelCauses(key: string, value: string): readonly StatusCause[] {
  return [...invalids('metadata.labels', key, qualifiedNameProblems(key)), ...invalids('metadata.labels', value, labelValueProblems(value))]
}

function annotationSize(annotations: Readonly<Record<string, string>>): readonly StatusCause[] {
  let bytes = 0
  for (const [key, value] of Object.entries(annotations)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  return bytes > mostAnnotationBytes ? [tooLong('metadata.annotations', mostAnnotationBytes)] : []
}

function finalizerCauses(finalizer: string, index: number): readonly StatusCause[] {
  if (finalizer.includes('/') || standardFinalizers.has(finalizer)) return []
  return [invalidValue(`metadata.finalizers[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')]
}

function ownerCauses({ ownerReferences = [] }: ObjectMeta): readonly StatusCause[] {
  const field = 'metadata.ownerReferences'
  const causes = ownerReferences.flatMap((owner: Partial<OwnerReference>) => {
    const { apiVersion = '', kind = '', name = '', uid = '' } = owner
    const version = apiVersion.split('/').at(-1) ?? ''
    return [
      ...(version === '' ? [invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty')] : []),
      ...(kind === '' && apiVersion !== '' ? [invalidValue(`${field}.kind`, kind, 'must not be empty')] : []),
      ...(name === '' ? [invalidValue(`${field}.name`, name, 'must not be empty')] : []),
      ...(uid === '' ? [invalidValue(`${field}.uid`, uid, 'must not be empty')] : []),
    ]
  })
  const [first, second] = ownerReferences.filter(({ controller }) => controller === true)
  if (first === undefined || second === undefined) return causes
  const which = `Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`
  return [...causes, invalidValue(field, ownerReferences, `Only one reference can have Controller set to true. ${which}`)]
}
