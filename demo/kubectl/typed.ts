// What people type at a cluster, and what must then be seen: by whoever typed it, and outside.
import { setTimeout as sleep } from 'node:timers/promises'
import { expectNobody, expectSeen } from '../acts/typed.ts'
import { outsidePorts } from '../plan.ts'
import type { Notebook } from '../step.ts'
import type { KubectlStage } from './stage.ts'

/** The policy as the texts change it, and their own reverse. */
export const strict =
  "kubectl get configmap istio -n istio-system -o yaml | sed 's/mode: ALLOW_ANY/mode: REGISTRY_ONLY/g' | kubectl replace -n istio-system -f -"
export const open =
  "kubectl get configmap istio -n istio-system -o yaml | sed 's/mode: REGISTRY_ONLY/mode: ALLOW_ANY/g' | kubectl replace -n istio-system -f -"

/** A change is in force within milliseconds; somebody who tries again has waited long enough. */
const mostTries = 8
const betweenMs = 500

/** Types a command and looks for what it has to print. */
export async function type(stage: KubectlStage, notebook: Notebook, command: string, ...says: readonly RegExp[]): Promise<void> {
  notebook.did(`$ ${command}`)
  const text = (await stage.shell().run(command)).trim()
  const observer = command.startsWith('sallyport') ? 'sallyport' : 'kubectl'
  notebook.expect(
    observer,
    text,
    says.every((pattern) => pattern.test(text)),
  )
}

/** The same until it prints that, as one does who waits for something. */
export async function typeUntil(stage: KubectlStage, notebook: Notebook, command: string, says: RegExp): Promise<void> {
  notebook.did(`$ ${command}`)
  const text = await again(
    () => stage.shell().run(command),
    (said) => says.test(said),
  )
  notebook.expect('kubectl', text.trim(), says.test(text))
}

export async function curlIn(stage: KubectlStage, notebook: Notebook, status: string, from: string | undefined): Promise<void> {
  const command = "kubectl exec shell -- curl -sS -m 10 -o /dev/null -w '%{http_code}' http://d2iq.com/"
  notebook.did(`$ ${command}`)
  const text = await again(
    async () => {
      await forget(stage)
      return stage.shell().run(`${command}; echo`)
    },
    (said) => said.includes(status),
  )
  notebook.expect('curl', text.trim(), text.includes(status))
  await expectVisit(stage, notebook, 'http', from)
}

/** `kubectl exec -it busybox -- /bin/sh` on a terminal, and there `telnet ADDRESS 6379`. */
export async function telnetIn(stage: KubectlStage, notebook: Notebook, address: string, from: string | undefined): Promise<void> {
  const command = 'kubectl exec -it busybox -- /bin/sh'
  notebook.did(`$ ${command}`)
  notebook.did(`# telnet ${address} ${outsidePorts.redis}`)
  const isWanted = (text: string): boolean => text.includes('+PONG') === (from !== undefined)
  const text = await again(async () => {
    await forget(stage)
    return talk(stage, command, address)
  }, isWanted)
  const shown = text.split('\n').filter((line) => /Connect|PONG|addr=/.test(line))
  const parts = from === undefined ? ['Connected to', 'Connection closed by foreign host'] : ['Connected to', '+PONG', ` addr=${from}:`]
  notebook.expect(
    'telnet',
    shown.join('\n').replaceAll(/ (?!addr)\S+=\S*/g, ''),
    parts.every((part) => text.includes(part)) && isWanted(text),
  )
  await expectVisit(stage, notebook, 'redis', from)
}

async function talk(stage: KubectlStage, command: string, address: string): Promise<string> {
  const dialogue = stage.shell().begin(command)
  dialogue.send('echo inside-$((40 + 2))')
  await dialogue.waitFor('inside-42')
  dialogue.send(`telnet ${address} ${outsidePorts.redis}`)
  if (await dialogue.waitFor('Connected to')) {
    dialogue.send('PING')
    await dialogue.waitFor(/\+PONG|Connection closed/)
    if (dialogue.shown().includes('+PONG')) {
      dialogue.send('CLIENT INFO')
      await dialogue.waitFor(' addr=')
      dialogue.send('QUIT')
    }
    await dialogue.waitFor('Connection closed by foreign host')
  }
  dialogue.send('exit')
  return dialogue.finish()
}

async function expectVisit(stage: KubectlStage, notebook: Notebook, kind: 'http' | 'redis', from: string | undefined): Promise<void> {
  if (from === undefined) await expectNobody(stage, notebook)
  else await expectSeen(stage, notebook, { kind, peer: from })
}

async function forget(stage: KubectlStage): Promise<void> {
  await stage.outside.seen()
  stage.gateway.mark()
}

async function again(attempt: () => Promise<string>, isWanted: (text: string) => boolean): Promise<string> {
  for (let tries = 1; ; tries++) {
    const text = await attempt()
    if (isWanted(text) || tries >= mostTries) return text
    await sleep(betweenMs)
  }
}
