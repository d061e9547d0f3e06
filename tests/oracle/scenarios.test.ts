// Holds our own data plane to what was recorded of real Istio with Envoy.
import { playScenarios } from './players.ts'

playScenarios('sallyport')
