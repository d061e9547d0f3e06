// Remembers what was compiled from a message, so that an unchanged part of a snapshot keeps its compiled form by identity.

/** A message is never changed once it is in a snapshot, so what was compiled from it holds for as long as the message lives. */
export function memoized<Message extends object, Compiled>(compile: (message: Message) => Compiled): (message: Message) => Compiled {
  const known = new WeakMap<Message, Compiled>()
  return (message) => {
    const found = known.get(message)
    if (found !== undefined) return found
    const compiled = compile(message)
    known.set(message, compiled)
    return compiled
  }
}
