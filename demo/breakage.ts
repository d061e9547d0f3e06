// Breaks one part of the demo on purpose, so that everybody can see that it fails when that part does not work.

export const breakages = {
  capture: 'the shell runs without the seal, in the application node itself',
  policy: 'the mesh says ALLOW_ANY where REGISTRY_ONLY is meant',
  gateway: 'the VirtualService that leads d2iq.com through the gateway is left out',
} as const

export type Breakage = keyof typeof breakages

export function isBreakage(text: string): text is Breakage {
  return Object.hasOwn(breakages, text)
}

/** The text of a file of declarations, broken or not. */
export function breakDeclarations(breakage: Breakage | undefined, name: string, text: string): string {
  if (breakage === 'policy' && name === 'mesh-registry-only.yaml') return text.replace('REGISTRY_ONLY', 'ALLOW_ANY')
  if (breakage === 'gateway' && name === 'd2iq-gateway.yaml')
    return text
      .split('---\n')
      .filter((document) => !document.includes('kind: VirtualService'))
      .join('---\n')
  return text
}
