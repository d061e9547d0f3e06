// Describes every field of Gateway, and what Sallyport does with it.
import { choice, count, deny, flag, idle, labels, list, object, quiet, text, texts } from './schema.ts'

const refused = 'what arrives at this server is refused'
const version = (description: string) => quiet('deny', choice(description, ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']))

const tls = object('TLS of the server', {
  mode: choice('PASSTHROUGH is the default', {
    PASSTHROUGH: true,
    SIMPLE: { support: 'deny', consequence: `Sallyport's gateways do not end TLS yet; ${refused}` },
    MUTUAL: { support: 'deny', consequence: `Sallyport's gateways do not end TLS yet; ${refused}` },
    OPTIONAL_MUTUAL: { support: 'deny', consequence: `Sallyport's gateways do not end TLS yet; ${refused}` },
    ISTIO_MUTUAL: { support: 'deny', consequence: `the mesh's own mutual TLS is not spoken yet; ${refused}` },
    AUTO_PASSTHROUGH: { support: 'deny', consequence: `the name is not looked up without a VirtualService; ${refused}` },
  }),
  httpsRedirect: deny(refused, flag('answer with a redirect to https')),
  // All of these only say how, and `mode` already says that it is not done.
  serverCertificate: quiet('deny', text('a file')),
  privateKey: quiet('deny', text('a file')),
  caCertificates: quiet('deny', text('a file')),
  caCrl: quiet('deny', text('a file')),
  credentialName: quiet('deny', text('a Secret')),
  credentialNames: quiet('deny', texts('Secrets', { maxItems: 2 })),
  caCertCredentialName: quiet('deny', text('a Secret or ConfigMap')),
  tlsCertificates: quiet(
    'deny',
    list(
      'certificates',
      object('one certificate', { serverCertificate: text('a file'), privateKey: text('a file'), caCertificates: text('a file') }),
    ),
  ),
  subjectAltNames: quiet('deny', texts('names in the certificate of the client')),
  verifyCertificateSpki: quiet('deny', texts('hashes')),
  verifyCertificateHash: quiet('deny', texts('hashes')),
  minProtocolVersion: version('the oldest version'),
  maxProtocolVersion: version('the newest version'),
  cipherSuites: quiet('deny', texts('ciphers')),
  insecureSkipVerify: quiet('deny', flag('do not check the certificate')),
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
