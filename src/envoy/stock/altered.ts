// Copies a message with some of its fields changed: the original is in a snapshot, and others hold it.
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create } from '../../xds/index.ts'

/** A field that `changes` has as undefined is unset. */
export function altered<D extends DescMessage>(
  schema: D,
  message: MessageShape<D> | undefined,
  changes: MessageInitShape<D>,
): MessageShape<D> {
  const fields: Record<string, unknown> = { ...message, ...changes }
  // A message that was decoded carries its type name, by which it would be taken for what is wanted already.
  delete fields['$typeName']
  return create(schema, fields as MessageInitShape<D>)
}
