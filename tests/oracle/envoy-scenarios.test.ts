// Holds stock Envoy, as we drive it, to what was recorded of real Istio with Envoy.
import { describe, test } from 'vitest'
import { findEnvoy, noEnvoy } from '../support/envoy.ts'
import { playScenarios } from './players.ts'

// The walk-throughs, HTTP, TLS and TCP, and live changes; ORACLE=all plays the others too.
const groups = process.env['ORACLE'] === 'all' ? /./ : /^[abcdl]/

if (findEnvoy() !== undefined || process.env['CI'] === 'true') playScenarios('envoy', (name) => groups.test(name))
else describe(noEnvoy, () => test.skip('recorded scenarios', () => undefined))
