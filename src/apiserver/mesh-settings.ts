// Judges the settings of the mesh, which stand as YAML inside of a ConfigMap, as those of a file are.
import { readText } from '../config/index.ts'
import type { Judgement, KubeObject } from '../kube/index.ts'

const none: Judgement = { causes: [], warnings: [] }

export function judgeMeshSettings(object: KubeObject): Judgement {
  const { namespace, name } = object.metadata
  if (object.kind !== 'ConfigMap' || namespace !== 'istio-system' || name !== 'istio') return none
  const { managedFields: _, ...metadata } = object.metadata
  const { issues } = readText(JSON.stringify({ ...object, metadata }), 'configmaps istio-system/istio')
  const told = issues.map(({ level, unsupported, path, message, fix }) => ({
    isRefused: level === 'error' && unsupported !== true,
    field: path,
    message: fix === undefined ? message : `${message}; ${fix}`,
  }))
  return {
    causes: told.filter(({ isRefused }) => isRefused).map(({ field, message }) => ({ reason: 'FieldValueInvalid', message, field })),
    warnings: told.filter(({ isRefused }) => !isRefused).map(({ field, message }) => `${field}: ${message}`),
  }
}
