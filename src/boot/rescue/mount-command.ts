// `mount` and `umount` of the rescue console.
//
// The type is probed, or every type that the kernel knows is tried, as mount(8) does without -t.
// Man pages: mount(8), umount(8), mount(2).

import { MNT_DETACH, MNT_FORCE } from '../../abi/mount.ts'
import { parseMountOptions } from '../../facts/mount-options.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { UsageError } from './session.ts'
import { makeDirectories } from '../make-directories.ts'
import type { RescueCommand } from './session.ts'

/** Splits arguments into operands and the values of options; 't' and 'o' take one. */
function parse(args: readonly string[], valued: string, flags: string): { operands: string[]; options: Map<string, string> } {
  const operands: string[] = []
  const options = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const letter = arg.slice(1, 2)
    if (!arg.startsWith('-') || arg === '-') operands.push(arg)
    else if (valued.includes(letter)) {
      const value = arg.length > 2 ? arg.slice(2) : args[++i]
      if (value === undefined) throw new UsageError(`Cannot read '${arg}': a value is missing behind it`)
      options.set(letter, value)
    } else if (arg.length === 2 && flags.includes(letter)) options.set(letter, '')
    else throw new UsageError(`Cannot understand option '${arg}'`)
  }
  return { operands, options }
}

/** The types in /proc/filesystems that live on a block device, in the kernel's order. */
function blockTypes(kernel: Kernel): string[] {
  return kernel.readText('/proc/filesystems').split('\n').filter((line) => line.startsWith('\t')).map((line) => line.trim())
}

/** Whether a type in an automatic search is simply the wrong one. */
const isOtherType = (error: unknown): boolean => isErrno(error, 'EINVAL', 'ENODEV', 'EUCLEAN', 'EPERM')

export const mountCommands: readonly RescueCommand[] = [
  {
    name: 'mount',
    usage: 'DEV DIR [-t TYPE] [-o OPTIONS]',
    summary: 'mount a file system; DEV may be UUID=, LABEL= and so on',
    run: ({ kernel, console, context }, args) => {
      if (args.length === 0) return console.print(...context.describeMounts())
      const { operands, options } = parse(args, 'to', '')
      const [spec, dir, ...more] = operands
      if (spec === undefined || dir === undefined || more.length > 0) throw new UsageError('Cannot mount: a device and a directory are needed')
      const given = options.get('t')
      const found = given !== undefined && !/^(?:[A-Z]+=|\/dev\/)/.test(spec) ? { path: spec, type: given } : context.findDevice(spec)
      if (found === null) throw new Error(`Cannot find a device '${spec}': 'blk' shows what there is`)
      const { flags, data } = parseMountOptions(options.get('o') ?? '')
      const probed = given ?? found.type
      const types = probed === null ? blockTypes(kernel) : probed.split(',')
      makeDirectories(kernel, dir)
      let failure: unknown = new Error(`Cannot mount '${spec}': the kernel knows no file system for block devices, 'load' one`)
      for (const type of types) {
        context.loadFilesystem(type)
        try {
          kernel.mount(found.path, dir, type, flags, data)
          return console.print(`${found.path} is mounted on ${dir} (${type})`)
        } catch (error) {
          failure = error
          if (!isOtherType(error)) break
        }
      }
      throw failure
    },
  },
  {
    name: 'umount',
    usage: '[-l] [-f] DIR',
    summary: 'unmount; -l detaches what is busy, -f forces a network file system',
    run: ({ kernel }, args) => {
      const { operands, options } = parse(args, '', 'lf')
      const [dir, ...more] = operands
      if (dir === undefined || more.length > 0) throw new UsageError('Cannot unmount: one directory is needed')
      kernel.umount2(dir, (options.has('l') ? MNT_DETACH : 0) | (options.has('f') ? MNT_FORCE : 0))
    },
  },
]
