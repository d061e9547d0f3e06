// Act 1 at a cluster's commands: d2iq.com is open, refused, declared, and at last led through the gateway that has joined.
import { addresses } from '../../plan.ts'
import type { Act } from '../../step.ts'
import { expectRecord, isRecord } from '../../acts/typed.ts'
import type { KubectlStage } from '../stage.ts'
import { curlIn, open, strict, type, typeUntil } from '../typed.ts'

const { application, gateway } = addresses

export const httpAct: Act<KubectlStage> = {
  title: 'HTTP, with kubectl and curl: d2iq.com',
  prepare: () => Promise.resolve(),
  steps: [
    {
      name: 'kubectl-pods',
      shows: 'a gateway that has joined from another machine, by a token, is a Pod with its node, behind its Service',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f gateway-service.yaml', /service\/istio-egressgateway configured/)
        await type(
          stage,
          notebook,
          'kubectl get pods -n istio-system -o wide',
          new RegExp(`istio-egressgateway .*Running.* ${gateway} +gateway `),
        )
        await type(stage, notebook, 'kubectl get endpointslices -n istio-system', new RegExp(`istio-egressgateway.* ${gateway}`))
      },
    },
    {
      name: 'kubectl-inject',
      shows: 'a Pod with the sidecar injected runs on the server’s own machine',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f <(sallyport kube-inject -f shell-pod.yaml)', /pod\/shell created/)
        await typeUntil(stage, notebook, 'kubectl get pods -o wide', /shell .*Running.* application /)
      },
    },
    {
      name: 'kubectl-http-allow-any',
      shows: 'under ALLOW_ANY the request goes straight to d2iq.com',
      play: (stage, notebook) => curlIn(stage, notebook, '200', application),
    },
    {
      name: 'kubectl-http-misspelt-mode',
      shows: 'REGISTER_ONLY is refused, and the right word proposed',
      async play(stage, notebook) {
        const misspelt = strict.replace('mode: REGISTRY_ONLY', 'mode: REGISTER_ONLY')
        await type(stage, notebook, misspelt, /cannot be "REGISTER_ONLY"; did you mean REGISTRY_ONLY/)
      },
    },
    {
      name: 'kubectl-http-registry-only',
      shows: 'under REGISTRY_ONLY the same request is refused',
      async play(stage, notebook) {
        await type(stage, notebook, strict, /configmap\/istio replaced/)
        await curlIn(stage, notebook, '403', undefined)
      },
    },
    {
      name: 'kubectl-http-service-entry',
      shows: 'a ServiceEntry opens it again, directly',
      async play(stage, notebook) {
        await type(stage, notebook, 'kubectl apply -f d2iq-entry.yaml', /serviceentry\.networking\.istio\.io\/d2iq created/)
        await curlIn(stage, notebook, '200', application)
      },
    },
    {
      name: 'kubectl-http-gateway',
      shows: 'with Gateway, DestinationRule and VirtualService it goes through the gateway, which wrote it down',
      async play(stage, notebook) {
        await type(
          stage,
          notebook,
          'kubectl apply -f d2iq-gateway.yaml',
          /virtualservice\.networking\.istio\.io\/direct-d2iq-through-egress-gateway created/,
        )
        await curlIn(stage, notebook, '200', gateway)
        await expectRecord(stage.gateway, notebook, isRecord({ verdict: 'allow', host: 'd2iq.com' }))
      },
    },
    {
      name: 'kubectl-http-cleanup',
      shows: 'what was applied is deleted by the same files, and the text’s own reverse opens the mesh again',
      async play(stage, notebook) {
        await type(
          stage,
          notebook,
          'kubectl delete -f d2iq-gateway.yaml -f d2iq-entry.yaml',
          /serviceentry\.networking\.istio\.io "d2iq" deleted/,
        )
        await type(stage, notebook, open, /configmap\/istio replaced/)
        await curlIn(stage, notebook, '200', application)
      },
    },
  ],
}
