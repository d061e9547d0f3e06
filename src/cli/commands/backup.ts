// `sallyport backup` and `sallyport restore`: turn the command line into options and have the copy made, or brought back.
import type { Roles } from '../roles.ts'
import { optional, type Values } from '../values.ts'

export function backup(file: string, values: Values, roles: Roles): Promise<number> {
  return roles.backup({ file, ...optional(values, 'data', 'kubeconfig') })
}

export function restore(file: string, values: Values, roles: Roles): Promise<number> {
  return roles.restore({ file, force: values['force'] === true, ...optional(values, 'data') })
}
