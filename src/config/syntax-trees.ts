// Keeps the syntax trees of the documents that were asked about last: trees are large and rarely asked for, and can be made again.
import type { Document } from 'yaml'
import { parseYaml } from './yaml-reader.ts'

const trees = new Map<string, Document>()
const MOST_TREES = 32

export function treeOf(text: string): Document {
  const tree = trees.get(text) ?? parseYaml(text)
  trees.delete(text)
  trees.set(text, tree)
  const [oldest] = trees.keys()
  if (trees.size > MOST_TREES && oldest !== undefined) trees.delete(oldest)
  return tree
}
