// All fuzzers, by name.
import type { FuzzTarget } from './target.ts'
import { chunkedTarget } from './targets/chunked.ts'
import { clientHelloTarget } from './targets/client-hello.ts'
import { dnsTarget } from './targets/dns.ts'
import { hpackTarget } from './targets/hpack.ts'
import { http2FramesTarget } from './targets/http2-frames.ts'
import { requestHeadTarget } from './targets/request-head.ts'
import { responseHeadTarget } from './targets/response-head.ts'

export const targets: readonly FuzzTarget[] = [
  requestHeadTarget,
  responseHeadTarget,
  chunkedTarget,
  clientHelloTarget,
  dnsTarget,
  hpackTarget,
  http2FramesTarget,
]
