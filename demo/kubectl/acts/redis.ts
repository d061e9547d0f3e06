// Act 2 at a cluster's commands: a Redis outside the mesh, by telnet in the busybox Pod, from ALLOW_ANY to the gateway, past the usual mistakes.
import { expectRecord } from '../../acts/typed.ts'
import { addresses } from '../../plan.ts'
import type { Act } from '../../step.ts'
import type { KubectlStage } from '../stage.ts'
import { open, strict, telnetIn, type, typeUntil } from '../typed.ts'

const { application, gateway, redis } = addresses

export const redisAct: Act<KubectlStage> = {
  title: 'TCP, with kubectl exec -it and telnet: a Redis outside the mesh',
  prepare: () => Promise.resolve(),
  steps: [
    {
      name: 'kubectl-redis-pod',
      shows: 'the busybox Pod of the text runs',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f <(sallyport kube-inject -f busybox-pod.yaml)', /pod\/busybox created/)
        await typeUntil(stage, notebook, 'kubectl get pod busybox', /busybox .*Running/)
      },
    },
    {
      name: 'kubectl-redis-allow-any',
      shows: 'under ALLOW_ANY telnet reaches Redis, through a terminal of kubectl exec',
      play: (stage, notebook) => telnetIn(stage, notebook, redis, application),
    },
    {
      name: 'kubectl-redis-registry-only',
      shows: 'under REGISTRY_ONLY the connection is accepted and closed; Redis never hears of it',
      async play(stage, notebook) {
        await type(stage, notebook, strict, /configmap\/istio replaced/)
        await telnetIn(stage, notebook, redis, undefined)
      },
    },
    {
      name: 'kubectl-redis-events',
      shows: 'the refusal is an Event of the Pod',
      play: (stage, notebook) => typeUntil(stage, notebook, 'kubectl describe pod busybox', /EgressRefused/),
    },
    {
      name: 'kubectl-redis-reverse',
      shows: 'the text’s own reverse opens it again, and its misspelt setting is understood and closes it',
      async play(stage, notebook) {
        await type(stage, notebook, open, /configmap\/istio replaced/)
        await telnetIn(stage, notebook, redis, application)
        const upgrade = 'sallyport upgrade --set global.outboundTrafficPolicymode=REGISTRY_ONLY'
        await type(stage, notebook, upgrade, /Warning: .*is spelt global\.outboundTrafficPolicy\.mode/, /ALLOW_ANY → REGISTRY_ONLY/)
        await telnetIn(stage, notebook, redis, undefined)
      },
    },
    {
      name: 'kubectl-redis-service-entry',
      shows: 'a ServiceEntry with the address and TCP port opens it, directly',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f redis-entry.yaml', /serviceentry\.networking\.istio\.io\/redis created/)
        await telnetIn(stage, notebook, redis, application)
      },
    },
    {
      name: 'kubectl-redis-unknown-field',
      shows: 'the egress YAML as the text has it names a field that Gateway does not have: refused, with its place',
      play: (stage, notebook) =>
        type(
          stage,
          notebook,
          'kubectl apply -f redis-gateway-as-written.yaml',
          /strict decoding error: unknown field "spec\.servers\[0\]\.addresses"/,
        ),
    },
    {
      name: 'kubectl-redis-gateway-not-in-path',
      shows: 'mended it is taken, with a warning that no traffic goes that way; Redis is still reached directly',
      async play(stage, notebook) {
        await type(
          stage,
          notebook,
          'kubectl apply -f redis-gateway-mended.yaml',
          /Warning: .*does not go through gateway/,
          /gateway\.networking\.istio\.io\/\S+ created/,
        )
        await telnetIn(stage, notebook, redis, application)
        await type(stage, notebook, 'sallyport x describe pod busybox', /redis\.domain:6379 .*: directly/)
      },
    },
    {
      name: 'kubectl-redis-gateway',
      shows: 'with the VirtualService Redis is reached from the gateway, which wrote it down',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f redis-virtual-service.yaml', /virtualservice\.networking\.istio\.io\/\S+ created/)
        await telnetIn(stage, notebook, redis, gateway)
        await expectRecord(stage.gateway, notebook, ({ verdict, upstream }) => verdict === 'allow' && upstream === `${redis}:6379`)
        await type(stage, notebook, 'sallyport x describe pod busybox', /redis\.domain:6379 .*: through gateway/)
      },
    },
    {
      name: 'kubectl-delete-pods',
      shows: 'a deleted Pod ends',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl delete pod busybox shell --grace-period=1', /pod "busybox" deleted/, /pod "shell" deleted/)
        await type(stage, notebook, 'kubectl get pods', /No resources found/)
      },
    },
  ],
}
