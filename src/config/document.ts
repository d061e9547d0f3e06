// Cuts a file into its documents, so that each can be recognised by its text and read only when that has changed.

export interface DocumentText {
  readonly text: string
  /** Line of the file, from 1, on which `text` begins. */
  readonly line: number
}

/** The documents of a YAML stream; JSON has no line that could be taken for a marker. Documents without content are left out. */
export function splitDocuments(file: string): DocumentText[] {
  const content = file.startsWith('\uFEFF') ? file.slice(1) : file
  const documents: DocumentText[] = []
  let start = 0
  let startLine = 1
  let line = 1
  for (let at = 0; at < content.length; line++) {
    const newline = content.indexOf('\n', at)
    const next = newline < 0 ? content.length : newline + 1
    // A line that begins so ends a document wherever it stands, block scalars included (YAML 1.2 §9.1.2).
    if (isMarker(content, at)) {
      add(documents, content.slice(start, at), startLine)
      const rest = content.slice(at + 3, newline < 0 ? content.length : newline)
      const bare = rest.trim() === '' || rest.trimStart().startsWith('#')
      start = bare ? next : at
      startLine = bare ? line + 1 : line
    }
    at = next
  }
  add(documents, content.slice(start), startLine)
  return documents
}

function isMarker(content: string, at: number): boolean {
  if (!content.startsWith('---', at)) return false
  const after = content.charAt(at + 3)
  return after === '' || after === '\n' || after === ' ' || after === '\t' || after === '\r'
}

function add(documents: DocumentText[], text: string, line: number): void {
  if (hasContent(text)) documents.push({ text, line })
}

function hasContent(text: string): boolean {
  // Nearly all documents begin with a name.
  if (/^[A-Za-z]/.test(text)) return true
  return /^(?!\s*(#|---\s*$|\.\.\.\s*$|%YAML))\s*\S/m.test(text)
}
