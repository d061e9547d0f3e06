// Leaves whoever asked for it in a sealed shell of the demo's world, and says how to look around.
import type { Stage } from './stage.ts'

/** Resolves when the shell is left. */
export async function visitWorld(stage: Stage, print: (line: string) => void): Promise<void> {
  const policy = stage.declarations.folder
  await stage.closeShell()
  print(`
This is a sealed shell in the application node. Leave it with "exit": the world vanishes then.
  curl -i http://d2iq.com/          busybox telnet redis.domain 6379          curl -i http://other.example.test/
The declarations are in ${policy}: change a file from another terminal and try again; it is in force at once.
The records of sidecar and gateway are beside it (sidecar.jsonl, gateway.jsonl), the logs of the outside in outside/.
A shell in the gateway's node, from another terminal:
  ${stage.gatewayNode.enter.join(' ')} sh
`)
  // On a terminal of its own: the one out here belongs to processes that the world cannot see, which shells complain about.
  const args = ['-qec', stage.shellCommand(), '/dev/null']
  await stage.application.spawn('script', args, { stdio: 'inherit', env: { SHELL: '/bin/sh', ...stage.environment() } }).ended
}
