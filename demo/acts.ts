// Lists the acts of the demo in their order; the README names their steps.
import { lostRouteAct, stoppedGatewayAct } from './acts/failures.ts'
import { httpAct } from './acts/http.ts'
import { redisAct } from './acts/redis.ts'
import type { Stage } from './stage.ts'
import type { Act } from './step.ts'

export const acts: readonly Act<Stage>[] = [httpAct, redisAct, lostRouteAct, stoppedGatewayAct]
