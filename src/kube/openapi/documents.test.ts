// Holds the OpenAPI documents to what kubectl reads out of them.
import { describe, expect, test } from 'vitest'
import { fieldAtPath, isJsonObject, openApiDocument, openApiIndex, openApiV2, resources, type Json, type JsonObject } from '../index.ts'

const document = (path: string): JsonObject => openApiDocument(path)?.body ?? {}
const schemasOf = (path: string): JsonObject => {
  const schemas = fieldAtPath(document(path), ['components', 'schemas'])
  return isJsonObject(schemas) ? schemas : {}
}

describe('the OpenAPI documents', () => {
  test('are named in the index, each with a hash of what it says', () => {
    const paths = openApiIndex()['paths']
    const entries = isJsonObject(paths) ? Object.entries(paths) : []
    expect(entries.map(([path]) => path)).toContain('apis/networking.istio.io/v1beta1')
    for (const [path, entry] of entries) {
      expect(fieldAtPath(entry, ['serverRelativeURL'])).toBe(`/openapi/v3/${path}?hash=${openApiDocument(path)?.hash}`)
    }
    expect(openApiDocument('apis/none/v1')).toBeUndefined()
    expect(openApiDocument('__proto__')).toBeUndefined()
  })

  test('have each kind with its group and version, and say that patches are validated', () => {
    for (const { group, versions, kind, verbs } of resources) {
      for (const version of versions) {
        const path = group === '' ? `api/${version}` : `apis/${group}/${version}`
        const gvk = { group, version, kind }
        const kinds = Object.values(schemasOf(path)).map((schema) => fieldAtPath(schema, ['x-kubernetes-group-version-kind']))
        expect(kinds).toContainEqual([gvk])
        const patches = Object.values(fieldAtPath(document(path), ['paths']) ?? {}).map((item: Json) => fieldAtPath(item, ['patch']))
        const own = patches.find((patch) => JSON.stringify(fieldAtPath(patch, ['x-kubernetes-group-version-kind'])) === JSON.stringify(gvk))
        const parameters = fieldAtPath(own, ['parameters'])
        const names = Array.isArray(parameters) ? parameters.map((parameter: Json) => fieldAtPath(parameter, ['name'])) : []
        expect(names).toEqual(verbs.includes('patch') ? ['dryRun', 'fieldManager', 'fieldValidation', 'force'] : [])
      }
    }
  })

  test('describe every field in a sentence', () => {
    const undescribed: string[] = []
    const visit = (schema: Json | undefined, path: string): void => {
      if (!isJsonObject(schema)) return
      const { description } = schema
      if (typeof description !== 'string' || !/^\S.*[.!?]$/.test(description)) undescribed.push(path)
      const properties = schema['properties']
      for (const [name, inner] of Object.entries(isJsonObject(properties) ? properties : {})) visit(inner, `${path}.${name}`)
      visit(schema['additionalProperties'], `${path}{}`)
      if (schema['items'] !== undefined && !isJsonObject(schema['items'])) undescribed.push(`${path}[]`)
    }
    for (const [name, schema] of Object.entries(schemasOf('apis/networking.istio.io/v1'))) visit(schema, name)
    for (const [name, schema] of Object.entries(schemasOf('api/v1'))) visit(schema, name)
    expect(undescribed).toEqual([])
  })

  test('say how lists are merged', () => {
    const ports = fieldAtPath(schemasOf('api/v1')['io.k8s.api.core.v1.Service'], ['properties', 'spec', 'properties', 'ports'])
    expect(ports).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      'x-kubernetes-patch-merge-key': 'port',
      'x-kubernetes-patch-strategy': 'merge',
    })
  })

  test('are five bytes for clients that ask for the older form', () => {
    expect(Buffer.from(openApiV2).toString('latin1')).toBe('\n\x032.0')
  })
})
