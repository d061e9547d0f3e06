// Describes Nodes: machines that workloads run on.
import { anything, flag, integerOrText, list, map, object, text, texts } from '../../api/index.ts'
import { conditions, root, time } from './object-meta.ts'

const taint = object('one taint', {
  key: text('its key'),
  value: text('its value'),
  effect: text('its effect'),
  timeAdded: time('since when'),
})

export const nodeObject = root('a machine that workloads run on', {
  spec: object('what is asked for', {
    podCIDR: text('addresses of its pods'),
    podCIDRs: list('addresses of its pods', text('a CIDR'), { unique: true }),
    providerID: text('who provides it'),
    unschedulable: flag('whether it takes no more pods'),
    taints: list('what keeps pods away', taint),
    externalID: text('no longer set'),
    configSource: anything('no longer used'),
  }),
  status: object('what it is; written by the node', {
    capacity: map('what it has', integerOrText('a quantity')),
    allocatable: map('what pods may use', integerOrText('a quantity')),
    phase: text('no longer set'),
    conditions: conditions(),
    addresses: list(
      'its addresses',
      object('one address', { type: text('InternalIP, ExternalIP or Hostname'), address: text('the address') }),
      {
        keys: ['type'],
        patchKey: 'type',
      },
    ),
    daemonEndpoints: anything('where its daemon listens'),
    nodeInfo: object('its system', {
      machineID: text('which machine'),
      systemUUID: text('which machine'),
      bootID: text('since which start'),
      kernelVersion: text('the version of its kernel'),
      osImage: text('its distribution'),
      containerRuntimeVersion: text('what runs its workloads'),
      kubeletVersion: text('the version of Sallyport'),
      kubeProxyVersion: text('no longer set'),
      operatingSystem: text('linux'),
      architecture: text('the architecture of its processor'),
      swap: anything('its swap space'),
    }),
    images: list('what it has', anything('an image')),
    volumesInUse: texts('volumes'),
    volumesAttached: list('volumes', anything('one')),
    config: anything('no longer used'),
    runtimeHandlers: list('what runs pods', anything('one')),
    features: anything('what it can do'),
  }),
})
