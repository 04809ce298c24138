// `fulcrum bind` and `fulcrum unbind`: a file or directory of the host into something that runs, and out again.
//
// What was bound is written into the registry, so that only that is taken off.  docs/run.md, move_mount(2)

import { posix } from 'node:path'
import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import type { Bind } from '../facts/run/run-types.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planLiveBind, planLiveUnbind } from '../plan/run/live-bind.ts'
import { Registry } from '../run/registry.ts'
import { TargetError, openTarget } from '../run/target.ts'
import { Spawner } from '../spawn/spawner.ts'
import { EXIT_OK, type Command } from './command.ts'
import { asksJson } from './failure.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import { expectWords, findRunning, tellFailure } from './run-target.ts'

interface BindWish extends Bind {
  readonly name: string
  readonly makeTarget: boolean
  readonly json: boolean
}

/** An absolute path without '.', '..' and double slashes; the root itself is none. */
function targetPath(text: string): string {
  const path = posix.normalize(text).replace(/(?<=.)\/$/, '')
  if (!text.startsWith('/') || path === '/') throw new UsageError(`Cannot understand '${text}': expected an absolute path in the root, not "/" itself`)
  return path
}

function parseBind(args: readonly string[]): BindWish {
  const { options, words, command } = parseOptionList(args, [
    { name: 'read-only', kind: 'flag', also: ['ro'] }, { name: 'recursive', kind: 'flag' }, { name: 'mkdir', kind: 'flag' },
    { name: 'idmap', kind: 'flag' }, { name: 'json', kind: 'flag' },
  ])
  const [name = '', source = '', target = source] = expectWords([...words, ...(command ?? [])], ['NAME', 'SOURCE', 'TARGET'], 2)
  if (!source.startsWith('/')) throw new UsageError(`Cannot understand '${source}': expected an absolute path of the host`)
  const has = (option: string): boolean => options.some((it) => it.name === option)
  return { name, source, target: targetPath(target), readOnly: has('read-only'), recursive: has('recursive'), makeTarget: has('mkdir'), idMapped: has('idmap'), json: has('json') }
}

function bind(kernel: Kernel, wish: BindWish): void {
  const registry = new Registry(kernel)
  const entry = findRunning(kernel, registry, wish.name)
  const target = openTarget(kernel, entry)
  const spawner = new Spawner(kernel)
  try {
    const sourceIsDirectory = (kernel.stat(wish.source).mode & S_IFMT) === S_IFDIR
    spawner.start(planLiveBind({ ...wish, sourceIsDirectory }, target)).wait()
  } finally {
    target.close()
    spawner.close()
  }
  const { source, target: at, readOnly, recursive, idMapped = false } = wish
  registry.update(wish.name, (now) => ({ ...now, binds: [...now.binds, { source, target: at, readOnly, recursive, idMapped }] }))
}

function unbind(kernel: Kernel, name: string, path: string): void {
  const registry = new Registry(kernel)
  const entry = findRunning(kernel, registry, name)
  if (!entry.binds.some((it) => it.target === path)) {
    const known = entry.binds.map((it) => `'${it.target}'`).join(', ')
    throw new TargetError({ reason: 'not-bound', detail: `Cannot unbind '${path}': 'fulcrum bind' has not put anything there`, remedy: known === '' ? 'nor anywhere else in it' : `it has at ${known}` })
  }
  const target = openTarget(kernel, entry)
  const spawner = new Spawner(kernel)
  try {
    spawner.start(planLiveUnbind(path, target)).wait()
  } finally {
    target.close()
    spawner.close()
  }
  registry.update(name, (now) => {
    const last = now.binds.findLastIndex((it) => it.target === path)
    return { ...now, binds: now.binds.filter((_, i) => i !== last) }
  })
}

export const bindCommand: Command = {
  name: 'bind',
  summary: 'show a file or directory of the host in a container or a service that runs',
  usage: ['fulcrum bind [--read-only] [--recursive] [--mkdir] [--idmap] [--json] NAME SOURCE [TARGET]'],
  help: `Mounts SOURCE of the host at TARGET in what runs by this name, without stopping it. TARGET is looked up in there:
its symbolic links lead nowhere else. "fulcrum unbind NAME TARGET" takes it off again.

  --read-only   read-only in there
  --recursive   with the mounts below SOURCE, and those that come later
  --mkdir       makes TARGET if it is missing
  --idmap       owners as they would be in the user namespace of the container: its root writes as root of the host
  --json        as JSON
`,
  run(args, io) {
    let json = asksJson(args)
    try {
      const wish = parseBind(args)
      json = wish.json
      bind(io.kernel(), wish)
      const { name, source, target, readOnly, recursive, idMapped } = wish
      if (json) io.stdout(`${safeJson({ name, source, target, readOnly, recursive, idMapped })}\n`)
      return EXIT_OK
    } catch (error) {
      return tellFailure('bind', io, json, error)
    }
  },
}

export const unbindCommand: Command = {
  name: 'unbind',
  summary: 'take off what was bound by "fulcrum bind"',
  usage: ['fulcrum unbind [--json] NAME TARGET'],
  help: `Unmounts what "fulcrum bind" has mounted at TARGET. What is open in there stays open.

  --json        as JSON
`,
  run(args, io) {
    const json = asksJson(args)
    try {
      const { words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
      const [name = '', target = ''] = expectWords([...words, ...(command ?? [])], ['NAME', 'TARGET'])
      unbind(io.kernel(), name, targetPath(target))
      if (json) io.stdout(`${safeJson({ name, target: printable(target) })}\n`)
      return EXIT_OK
    } catch (error) {
      return tellFailure('unbind', io, json, error)
    }
  },
}
