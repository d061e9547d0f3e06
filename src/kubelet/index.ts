// Door of the kubelet room.
export * from './image-table.ts'
export * from './pod-progress.ts'
export * from './restart.ts'
export * from './run-order.ts'
