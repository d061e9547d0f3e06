// Door of the apiserver room.
export { startApiServer, type XdsDoor } from './api-server.ts'
export { administratorOnly, type Authenticate } from './authentication.ts'
export { writeBeginnings } from './beginnings.ts'
export { writeKubeconfig } from './kubeconfig.ts'
export { Reaper } from './reaper.ts'
export { openServerFiles } from './tls-files.ts'
