// Says which tests are unit tests (unprivileged, quick, sharing workers) and which drive the whole system two files at a time.
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest begins first: one that begins last keeps all others waiting at the end. */
const longest = [
  'oracle/scenarios',
  'netns/escape',
  'netns/lifecycle',
  'kube/kills',
  'oracle/envoy-scenarios',
  'demo/demo',
  'netns/seal-process',
  'kube/pods',
  'netns/seal-masks',
  'fuzz/fuzz',
  'netns/changes',
  'kube/node-pods',
  'demo/kubectl',
  'netns/envoy',
].map((name) => `/tests/${name}.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((end) => moduleId.endsWith(end))
      return at < 0 ? longest.length : at
    }
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // What TypeScript becomes is kept by its text, for the next run and for the other project.
    experimental: { fsModuleCache: true, fsModuleCachePath: '.cache/vitest' },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'tests/architecture.test.ts', 'tests/house/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
          // Some draw at random and some wait: whoever works on them is to see the first failure, and a run of everything the second.
          retry: process.env['CI'] === 'true' ? 1 : 0,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['tests/{netns,in-process,kube,corpus,interop,fuzz,oracle,simulation,cli,demo}/**/*.test.ts'],
          pool: 'forks',
          // What many files share registers its own cleaning up, once in each process.
          isolate: true,
          // Half of them wait for others most of the time; more than two at a time would spoil what they measure.
          maxWorkers: 2,
          // After the others: a busy machine spoils what these measure and wait for.
          sequence: { groupOrder: 1 },
          // What is waited for comes; how soon is no test's business.
          expect: { poll: { timeout: 5000 } },
          // Real programs on a machine that others use as well: what fails twice in a row is broken.
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
