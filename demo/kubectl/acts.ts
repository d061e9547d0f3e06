// Lists the acts of `make demo-kubectl` in their order; the README names their steps.
import type { Act } from '../step.ts'
import { httpAct } from './acts/http.ts'
import { redisAct } from './acts/redis.ts'
import type { KubectlStage } from './stage.ts'

export const kubectlActs: readonly Act<KubectlStage>[] = [httpAct, redisAct]
