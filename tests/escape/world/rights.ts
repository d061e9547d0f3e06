// Says how a program is started with the rights of an ordinary login: who plays the world has more.

/** Goes before a command line. Root stays root. */
export function asOrdinaryLogin(): readonly string[] {
  return process.getuid?.() === 0 ? [] : ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', '--']
}
