// Runs the simulation by itself, without engines, over sources with one fault: the one that SIMULATION_MUTATION names.
import { defineConfig } from 'vitest/config'
import { mutations } from './mutations.ts'

const mutation = mutations[process.env['SIMULATION_MUTATION'] ?? '']

export default defineConfig({
  plugins: [
    {
      name: 'mutation',
      enforce: 'pre',
      transform(code, id) {
        if (mutation === undefined || !id.endsWith(mutation.file)) return undefined
        if (code.split(mutation.from).length !== 2) throw new Error(`${mutation.file} does not have this once: ${mutation.from}`)
        return { code: code.replace(mutation.from, mutation.to), map: null }
      },
    },
  ],
  test: {
    include: ['tests/simulation/{strictness,generated}.test.ts'],
    env: { SIMULATION_ENGINES: 'none' },
    testTimeout: 150_000,
  },
})
