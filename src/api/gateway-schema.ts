// Describes every field of Gateway, and what Sallyport does with it.
import { choice, count, deny, flag, idle, labels, list, object, text, texts } from './schema.ts'

const refused = 'what arrives at this server is refused'
const tooOld = { support: 'deny', consequence: `no TLS older than 1.2 is spoken; ${refused}` } as const

const tls = object('TLS of the server', {
  mode: choice('PASSTHROUGH is the default', {
    PASSTHROUGH: true,
    SIMPLE: true,
    MUTUAL: true,
    OPTIONAL_MUTUAL: true,
    ISTIO_MUTUAL: true,
    AUTO_PASSTHROUGH: { support: 'deny', consequence: `the name is not looked up without a VirtualService; ${refused}` },
  }),
  httpsRedirect: flag('answer every request with a redirect to https (HTTP only: any other server refuses what arrives)'),
  serverCertificate: text('a file with the certificate chain to show; it is read again when it changes'),
  privateKey: text('the file with its key'),
  caCertificates: text('a file with those whose certificates clients have to show (MUTUAL), or may (OPTIONAL_MUTUAL)'),
  caCrl: text('a file with revoked certificates'),
  credentialName: text(
    'a Secret of the namespace that the gateway runs in, with tls.crt and tls.key (or cert and key), and ca.crt (or cacert), which may also be in the Secret NAME-cacert',
  ),
  credentialNames: deny(`one certificate is shown, that of credentialName; ${refused}`, texts('Secrets', { maxItems: 2 })),
  caCertCredentialName: deny(`those to trust come from the Secret of credentialName; ${refused}`, text('a Secret or ConfigMap')),
  tlsCertificates: deny(
    `one certificate is shown, that of serverCertificate; ${refused}`,
    list(
      'certificates',
      object('one certificate', { serverCertificate: text('a file'), privateKey: text('a file'), caCertificates: text('a file') }),
    ),
  ),
  subjectAltNames: texts('names of which one has to be in the certificate of the client'),
  verifyCertificateSpki: deny(refused, texts('hashes')),
  verifyCertificateHash: deny(refused, texts('hashes')),
  minProtocolVersion: choice('the oldest version; 1.2 is the default, and the oldest there is', {
    TLS_AUTO: true,
    TLSV1_0: { support: 'warn', consequence: 'TLS 1.2 is the oldest that is spoken' },
    TLSV1_1: { support: 'warn', consequence: 'TLS 1.2 is the oldest that is spoken' },
    TLSV1_2: true,
    TLSV1_3: true,
  }),
  maxProtocolVersion: choice('the newest version', { TLS_AUTO: true, TLSV1_0: tooOld, TLSV1_1: tooOld, TLSV1_2: true, TLSV1_3: true }),
  cipherSuites: texts('ciphers for TLS 1.2, where TLS ends here; one that is not known, or is DES-CBC3-SHA, refuses what arrives'),
  insecureSkipVerify: deny(refused, flag('do not check the certificate')),
})

export const gatewaySchema = object('what a gateway listens on, and for which hosts', {
  selector: labels('the labels of the gateways that serve it; absent: all'),
  servers: list(
    'one per port and protocol',
    object('one server', {
      name: text('a name for the server'),
      port: object(
        'where it listens',
        {
          number: count('the port'),
          name: text('a name for the port'),
          protocol: text('HTTP, HTTPS, TLS, TCP, MONGO, REDIS or MYSQL, in any case'),
          targetPort: count('refused by Istio too: it has no effect at gateways'),
        },
        { required: ['number', 'name', 'protocol'] },
      ),
      bind: text('an address to listen on'),
      hosts: texts('[namespace/]host: which VirtualServices it takes'),
      tls,
      defaultEndpoint: idle('gateways go by VirtualServices only', text('where what matches nothing goes')),
    }),
  ),
})
