// Hashes content: versions that change only when the content does, and cheap numbers for spreading load.
import { hash } from 'node:crypto'

/** 96 bits of SHA-256 as 16 characters of base64url: a version or a name, never a proof of origin. */
export function contentHash(content: Uint8Array | string): string {
  return hash('sha256', content, 'base64url').slice(0, 16)
}

/** FNV-1a over the UTF-8 bytes; an unsigned 32-bit number. */
export function fnv1a32(text: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text, 'utf8')) value = Math.imul(value ^ byte, 0x01000193)
  return value >>> 0
}
