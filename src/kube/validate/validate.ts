// Judges whether an object may be stored: its metadata, its structure and its meaning.
import type { KubeObject } from '../object.ts'
import type { ApiResource } from '../resources/resource.ts'
import type { StatusCause } from '../status.ts'
import { changeCauses, coreCauses } from './core-rules.ts'
import { metadataCauses } from './metadata.ts'
import { meaningOf, type Judgement } from './semantics.ts'
import { structureCauses } from './structure.ts'

/** `before` where the object is there already. Causes make a 422 of `invalid`; none: the object may be stored. */
export function checkObject(resource: ApiResource, object: KubeObject, before?: KubeObject): Judgement {
  const structural: readonly StatusCause[] = resource.custom ? structureCauses(resource.schema, object) : coreCauses(resource.group, object)
  const meaning = meaningOf(resource, object)
  const told = new Set(structural.map(({ field }) => field))
  const further = meaning.causes.filter(({ field }) => !told.has(field))
  const changes = before === undefined ? [] : changeCauses(resource.group, before, object)
  return { causes: [...metadataCauses(resource, object), ...changes, ...structural, ...further], warnings: meaning.warnings }
}
