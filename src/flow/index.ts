// Door of the flow room.
export * from './facts.ts'
export * from './flow-record.ts'
export * from './flow-record-fields.ts'
export * from './reason.ts'
export * from './response-flag.ts'
