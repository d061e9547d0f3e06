// Defines the steps of the demo, plays them one after the other, and prints of each the commands, what was observed and what it shows.
/** What is played before: a stage of `S`. */
export interface Act<S> {
  readonly title: string
  /** Puts the declarations in place from which the act starts. */
  readonly prepare: (stage: S) => Promise<void>
  readonly steps: readonly Step<S>[]
}

export interface Step<S> {
  /** Stable: what a failure is called by. */
  readonly name: string
  /** What it shows when it goes as expected. */
  readonly shows: string
  readonly play: (stage: S, notebook: Notebook) => Promise<void>
}

/** Takes down what a step does and finds. */
export interface Notebook {
  /** A command that was typed, or a change of the declarations. */
  did(what: string): void
  /** Something observed, as expected or not. */
  expect(observer: string, saw: string, asExpected: boolean): void
}

export interface Result {
  readonly failed: readonly string[]
  readonly played: number
}

interface Observation {
  readonly observer: string
  readonly saw: string
  readonly asExpected: boolean
}

/** What fails again and again only takes time. */
const mostFailures = 3

/** Stops after the first act in which a step fails, for the next ones build on it, and at the third failure in any case. */
export async function playActs<S>(acts: readonly Act<S>[], stage: S, print: (line: string) => void): Promise<Result> {
  const failed: string[] = []
  let played = 0
  for (const [index, act] of acts.entries()) {
    print(`\nAct ${index + 1}: ${act.title}`)
    await act.prepare(stage)
    for (const step of act.steps) {
      played += 1
      if (!(await playStep(step, played, stage, print))) failed.push(step.name)
      if (failed.length >= mostFailures) break
    }
    if (failed.length > 0) break
  }
  return { failed, played }
}

async function playStep<S>(step: Step<S>, number: number, stage: S, print: (line: string) => void): Promise<boolean> {
  const done: string[] = []
  const observed: Observation[] = []
  try {
    await step.play(stage, {
      did: (what) => done.push(what),
      expect: (observer, saw, asExpected) => observed.push({ observer, saw, asExpected }),
    })
  } catch (error) {
    observed.push({ observer: 'demo', saw: error instanceof Error ? error.message : String(error), asExpected: false })
  }
  const isGood = observed.length > 0 && observed.every(({ asExpected }) => asExpected)
  print(`\n${isGood ? '√' : '×'} ${number}. ${step.name}`)
  for (const what of done) print(`    ${what}`)
  for (const { observer, saw, asExpected } of observed) print(`    ${asExpected ? ' ' : '×'} ${observer.padEnd(12)} ${indented(saw)}`)
  print(`    ${isGood ? '⇒' : 'expected:'} ${step.shows}`)
  return isGood
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .join(`\n${' '.repeat(19)}`)
}
