// Lists faults that are put into the sources at load, to see whether the simulation finds them: nothing of the product knows of them.

export interface Mutation {
  readonly file: string
  readonly from: string
  readonly to: string
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'translate lets every server name pass at the address of a TLS service': {
    file: 'src/translate/l4-chains.ts',
    from: 'const looksAtName = ctx.strict || !site.isOwnAddress',
    to: 'const looksAtName = !site.isOwnAddress',
  },
  'compile does not read that a chain takes the addresses of one name only': {
    file: 'src/runtime/filter-chain.ts',
    from: "typeof resolvesTo === 'string' && resolvesTo !== ''",
    to: 'false',
  },
}
