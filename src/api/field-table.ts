// Lists every field of a kind with what is done with it, for the reference and for `explain`.
import { kinds } from './kinds.ts'
import type { Kind } from './specs.ts'
import { meshConfigSchema, sallyportSettingsSchema } from './mesh-config-schema.ts'
import type { ObjectSchema, Schema, Support } from './schema.ts'

export interface FieldRow {
  /** `spec.http[].match[].uri.prefix`; `{}` stands for any key. */
  readonly path: string
  readonly support: Support
  readonly description: string
  /** Values of a field that are not carried out although the field is. */
  readonly except?: Readonly<Record<string, Support>>
}

export type SchemaName = Kind | 'MeshConfig' | 'SallyportSettings'

export function schemaOf(name: SchemaName): ObjectSchema {
  if (name === 'MeshConfig') return meshConfigSchema
  return name === 'SallyportSettings' ? sallyportSettingsSchema : kinds[name].schema
}

export function fieldTable(name: SchemaName): FieldRow[] {
  const rows: FieldRow[] = []
  const inSpec = name !== 'MeshConfig' && name !== 'SallyportSettings' && kinds[name].body === 'spec'
  addFields(rows, schemaOf(name), inSpec ? 'spec' : '', 'yes')
  return rows
}

/** A field below one that is not carried out shares its fate. */
function addFields(rows: FieldRow[], schema: Schema, path: string, fate: Support): void {
  if (schema.type === 'list') addFields(rows, schema.items, `${path}[]`, fate)
  if (schema.type === 'map' && schema.values.type !== 'text') addFields(rows, schema.values, `${path}{}`, fate)
  if (schema.type !== 'object') return
  for (const [name, field] of Object.entries(schema.fields)) {
    const at = path === '' ? name : `${path}.${name}`
    const support = fate === 'yes' ? (field.support ?? 'yes') : fate
    rows.push({ path: at, support, description: field.description, ...exceptions(field) })
    addFields(rows, field, at, support)
  }
}

function exceptions(field: Schema): Pick<FieldRow, 'except'> {
  if (field.type !== 'choice') return {}
  const except: Record<string, Support> = {}
  for (const [value, known] of Object.entries(field.values)) if (known !== true) except[value] = known.support
  return Object.keys(except).length === 0 ? {} : { except }
}
