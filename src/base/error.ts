// Defines the one class of error for bugs and broken environments, and the catalogue of its codes.

/**
 * Every code once, with what it means in general; the message of an error says what it means in its case.
 * SLP0nnn are general, SLP2nnn of the seal and the capture, SLP3nnn of DNS, SLP4nnn of outputs and the admin server, SLP5nnn of processes, SLP6nnn of stored objects and the API.
 * SLP1nnn are issues of the configuration and are listed in the rooms that find them. Generates `docs/reference/errors.md`.
 */
export const errorCodes = {
  SLP0001: 'Sallyport broke a promise to itself: a bug, please report it',
  SLP0002: 'the command line cannot be understood',
  SLP0003: 'something took longer than its limit',
  SLP0004: 'a file or directory cannot be read',
  SLP0005: 'a file or directory cannot be written',
  SLP0006: 'this machine lacks something that Sallyport needs',
  SLP0007: 'the program to run cannot be started',
  SLP0008: 'a setting has a value that is not allowed',
  SLP0101: 'the configuration is not valid YAML',
  SLP0102: 'a resource in the configuration is not valid',
  SLP0103: 'the mesh configuration is not valid',
  SLP0104: 'there is no configuration at the given place',
  SLP0105: 'the configuration exceeds a limit',
  SLP0106: 'the configuration cannot be watched for changes',
  SLP0107: 'resources of the configuration contradict each other',
  SLP0201: 'the translation broke a promise to itself',
  SLP0202: 'a compiled resource was rejected by the data plane',
  SLP0301: 'a listener cannot be bound',
  SLP0401: 'the certificate authority of the mesh cannot be used',
  SLP0304: 'the original destination of a connection cannot be read',
  SLP2001: 'the seal cannot be made: namespaces are not available',
  SLP2002: 'the seal cannot be made: a step of it failed',
  SLP2003: 'the capture rules cannot be installed',
  SLP2004: 'the seal failed its own test',
  SLP2005: 'the sealed process broke its protocol with the sidecar',
  SLP2006: 'the seal cannot be made: the system call filter cannot be installed',
  SLP2007: 'nothing inside the seal takes the connection',
  SLP3001: 'the DNS listener cannot be started',
  SLP3002: 'no DNS server for outgoing names is known',
  SLP3003: 'a DNS server failed or gave an invalid answer',
  SLP4001: 'an output for records, logs or metrics cannot be opened',
  SLP4002: 'an output for records, logs or metrics cannot be written',
  SLP4101: 'the admin address is not valid or cannot be bound',
  SLP4201: 'the address for serving configuration is not valid or cannot be bound',
  SLP4202: 'a control plane cannot be asked',
  SLP5001: 'a gateway that runs as a process of its own has ended',
  SLP5002: 'a published port cannot be bound',
  SLP5003: 'no configuration came from the xDS server',
  SLP5101: 'Envoy is not installed',
  SLP5102: 'Envoy has a version that this one does not work with',
  SLP5103: 'Envoy does not start, or does not take what it is given',
  SLP6001: 'the directory of objects cannot be used',
  SLP6002: 'the directory of objects is in use by another process',
  SLP6003: 'the directory of objects has another format',
  SLP6004: 'stored objects are damaged',
  SLP6005: 'a backup of objects cannot be used',
  SLP6006: 'there are objects where a backup was to be brought back',
  SLP6101: 'the address for serving the API is not valid or cannot be bound',
  SLP6201: 'no API server is known, or what is known of it cannot be used',
  SLP6202: 'an API server cannot be reached',
  SLP6203: 'an API server is not the one that is known',
  SLP6204: 'an API server does not accept the credentials',
  SLP6205: 'an API server refuses what is asked of it',
  SLP6206: 'a Pod of this name runs already',
} as const satisfies Record<string, string>

export class SallyportError extends Error {
  override readonly name = 'SallyportError'
  /** A key of `errorCodes`. */
  readonly code: string
  /** What the reader can do about it, one sentence. */
  readonly fix?: string

  constructor(code: string, message: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    if (options.fix !== undefined) this.fix = options.fix
  }
}

/** The message of whatever was thrown, with the messages of its causes that it does not already contain. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown === 'string' ? thrown : String(thrown)
  let text = thrown.message || thrown.name
  let cause = thrown.cause
  // Causes can form a circle; eight say enough.
  for (let depth = 0; depth < 8 && cause instanceof Error; depth++) {
    if (cause.message && !text.includes(cause.message)) text += `: ${cause.message}`
    cause = cause.cause
  }
  return text
}
