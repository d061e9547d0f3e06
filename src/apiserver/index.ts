// Door of the apiserver room.
export { startApiServer, type XdsDoor } from './api-server.ts'
export { type Authenticate, authenticator } from './access/authentication.ts'
export { ServiceAccountTokens } from './access/service-account-tokens.ts'
export { writeBeginnings } from './beginnings.ts'
export { writeKubeconfig } from './kubeconfig.ts'
export { Reaper } from './reaper.ts'
export { openServerFiles } from './tls-files.ts'
