// Door of the apiserver room.
export { startApiServer } from './api-server.ts'
export { administratorOnly } from './authentication.ts'
export { writeBeginnings } from './beginnings.ts'
export { writeKubeconfig } from './kubeconfig.ts'
export { Reaper } from './reaper.ts'
export { openServerFiles } from './tls-files.ts'
