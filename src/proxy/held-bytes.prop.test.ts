// Holds that what is held comes out as it went in, whatever is taken in between.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { HeldBytes } from './held-bytes.ts'

it('held bytes are a queue of bytes', () => {
  const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.nat(4000)), { maxLength: 30 })
  fc.assert(
    fc.property(steps, (all) => {
      const held = new HeldBytes()
      let model = Buffer.alloc(0)
      for (const step of all) {
        if (typeof step === 'number') {
          const count = Math.min(step, model.length)
          held.consume(count)
          model = model.subarray(count)
        } else {
          held.append(step, 0, step.length)
          model = Buffer.concat([model, step])
        }
        expect(held.length).toBe(model.length)
        expect(held.bytes.subarray(held.start, held.end).equals(model)).toBe(true)
      }
    }),
    { numRuns: 100 },
  )
})
