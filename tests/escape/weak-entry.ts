// PID 1 of a seal that may lack a layer; the one that ships refuses to.
import { runInit } from '../../src/seal/index.ts'

await runInit({ allowWithout: true })
