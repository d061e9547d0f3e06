// Door of the kube room.
export type { Column } from './columns/column.ts'
export * from './object.ts'
export * from './resources.ts'
export type * from './resources/resource.ts'
export * from './status.ts'
export * from './discovery.ts'
export { type OpenApiDocument, openApiDocument, openApiIndex, openApiV2, openApiV2MediaType } from './openapi/documents.ts'
export * from './table.ts'
