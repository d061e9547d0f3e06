// Shows what each layer is there for: with it every probe holds, without it the probe that stands for it gets out and is reported.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Layer, Probe } from '../../src/seal/index.ts'
import { buildDriver, type Identity, identities, sealed } from './seal-kit.ts'

beforeAll(buildDriver)

async function probes(identity: Identity, withoutLayer?: Layer): Promise<readonly Probe[]> {
  const order = { report: true, ...(withoutLayer === undefined ? {} : { withoutLayer, entryName: 'seal-entry-without.js' }) }
  const { events, stderr } = await sealed(['true'], { identity, order })
  const report = events.find((event) => event.report)?.report
  expect(report, `${stderr} ${JSON.stringify(events)}`).toBeDefined()
  return report?.probes ?? []
}

function escaped(found: readonly Probe[]): readonly string[] {
  return found.filter((probe) => probe.outcome === 'escaped').map((probe) => probe.name)
}

describe.each(identities)('as $name', (identity) => {
  test('with all layers every probe holds', async () => {
    const found = await probes(identity)
    expect(found.filter((probe) => probe.outcome !== 'held')).toEqual([])
    expect(found.map((probe) => probe.name)).toEqual(
      expect.arrayContaining([
        'UDP to port 443',
        'ICMP',
        'AF_VSOCK',
        'AF_PACKET',
        'io_uring',
        'TCP over IPv4',
        'TCP over IPv6',
        'sockets outside',
        'capture rules',
      ]),
    )
  })

  test('without the system call filter: packet sockets, io_uring, typing into the terminal', async () => {
    expect(escaped(await probes(identity, 'seccomp'))).toEqual(
      expect.arrayContaining(['AF_PACKET', 'typing into the terminal', 'keyrings']),
    )
  })

  test('without the rules: packets are sent, and the sidecar sees nothing', async () => {
    const found = await probes(identity, 'nft')
    expect(escaped(found)).toEqual(expect.arrayContaining(['UDP to port 443', 'ICMP']))
    expect(found.find((probe) => probe.name === 'TCP over IPv4')?.outcome).toBe('unanswered')
  })

  test.runIf(identity.uid === 0)('without the masks: root changes settings of the kernel', async () => {
    expect(escaped(await probes(identity, 'masks'))).toContain('kernel settings')
  })

  test('the entry that ships takes no layer off', async () => {
    const { code, events } = await sealed(['true'], { identity, order: { withoutLayer: 'seccomp' } })
    expect(code).toBe(125)
    expect(events.flatMap((event) => event.error ?? []).join()).toMatch(/whole seals only/)
  })
})
