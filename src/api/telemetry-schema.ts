// Describes every field of Telemetry, and what Sallyport does with it.
import { anything, choice, flag, labels, list, object, text, warn } from './schema.ts'

const elsewhere = 'Sallyport runs no gateways of the Gateway API: it chooses nothing here'

export const telemetrySchema = object('what is told of the traffic of workloads', {
  selector: object('the workloads; absent: all of the namespace, and in the root namespace all of the mesh', {
    matchLabels: labels('labels that a workload must have, all of them'),
  }),
  targetRef: warn(elsewhere, anything('a gateway or service')),
  targetRefs: warn(elsewhere, list('gateways and services', anything('one'))),
  accessLogging: list(
    'where access logs go',
    object('one choice', {
      match: object('of which connections', {
        mode: choice('CLIENT is what goes out; CLIENT_AND_SERVER is the default', ['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']),
      }),
      providers: list(
        'the places; absent: as above it',
        object('one place', { name: text('`envoy`, or one of the mesh’s `extensionProviders`') }),
      ),
      disabled: flag('log nothing there'),
      filter: warn('everything is logged', object('which flows', { expression: text('a CEL expression') })),
    }),
  ),
  metrics: warn('metrics are as they are', list('metrics', anything('one choice'))),
  tracing: warn('no traces are sent', list('traces', anything('one choice'))),
})
