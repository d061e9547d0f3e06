// Finds the resources that a client speaks of in its own words when it refuses what it was sent.

const mostNamed = 10

/** Of names inside of other names only the longest count. */
export function namedIn(text: string, names: Iterable<string>): readonly string[] {
  const found: string[] = []
  for (const name of names) if (name !== '' && isNamed(text, name)) found.push(name)
  found.sort((a, b) => b.length - a.length)
  const chosen: string[] = []
  let rest = text
  for (const name of found) {
    if (chosen.length === mostNamed || !isNamed(rest, name)) continue
    chosen.push(name)
    rest = rest.replaceAll(name, ' ')
  }
  return chosen
}

/** As a word of its own: `80` is not named by `8080`. */
function isNamed(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1))
    if (!isInner(text[at - 1]) && !isInner(text[at + name.length])) return true
  return false
}

function isInner(character: string | undefined): boolean {
  return character !== undefined && /[\w|]/.test(character)
}
