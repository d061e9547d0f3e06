// Binds UDP and TCP to one port, as name servers do.
import dgram from 'node:dgram'
import net from 'node:net'

export interface PortPair {
  readonly udp: dgram.Socket
  readonly tcp: net.Server
  readonly port: number
}

const mostTries = 20

/** Port 0: any that is free for both. The other protocol's may be somebody else's, and then another is tried. */
export async function bindPortPair(address: string, wanted: number, tcpOptions: net.ServerOpts = {}): Promise<PortPair> {
  for (let tries = 1; ; tries++) {
    // TCP first: its ports are the scarce ones, since every connection that anybody makes here has one.
    const tcp = net.createServer(tcpOptions)
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject)
      tcp.listen(wanted, address, resolve)
    })
    const bound = tcp.address()
    const port = bound === null || typeof bound === 'string' ? 0 : bound.port
    const udp = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4')
    const problem = await new Promise<Error | undefined>((resolve) => {
      udp.once('error', resolve)
      udp.bind(port, address, () => resolve(undefined))
    })
    if (problem === undefined) return { udp, tcp, port }
    udp.close()
    await new Promise((resolve) => tcp.close(resolve))
    if (wanted !== 0 || tries === mostTries) throw problem
  }
}
